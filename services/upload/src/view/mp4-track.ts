/** The film in an MP4 file: its track, how it is coded, which part of it is shown and how it is turned. */
import { boxesIn, findBox, needBox } from './mp4-boxes.ts';
import { countSamples, parseSamples, type Sample } from './mp4-samples.ts';
import { notViewable } from './not-viewable.ts';

/** How a picture is turned to be shown: clockwise, then mirrored from left to right. */
export interface Turn {
  degrees: 0 | 90 | 180 | 270;
  isMirrored: boolean;
}

export type Codec = 'h264' | 'hevc' | 'vp9' | 'av1';

/** What is needed to find and decode a frame. */
export interface VideoTrack {
  codec: Codec;
  /** Coded, before it is turned. */
  width: number;
  height: number;
  /** How much wider than high a pixel is; undefined where the container does not tell. */
  pixelAspect: number | undefined;
  turn: Turn;
  durationSeconds: number;
  /** Of H.264: 66 is Baseline. */
  profile: number;
  /** Bytes of the length before each NAL unit; 0 where samples are not made of units. */
  lengthBytes: number;
  parameterSets: Buffer[];
  samples: Sample[];
  /** A time of the film on the clock of the samples: edit lists cut and move. */
  toMediaSeconds(shownAt: number): number;
}

const codecs: Readonly<Record<string, Codec>> = {
  avc1: 'h264',
  avc3: 'h264',
  hvc1: 'hevc',
  hev1: 'hevc',
  vp09: 'vp9',
  av01: 'av1',
};

/** A file whose frames are not listed in its index: undefined. Throws `not_viewable` for what cannot be shown. */
export function parseVideoTrack(moov: Buffer): VideoTrack | undefined {
  try {
    const trak = chooseTrack(moov);
    const isFragmented = findBox(moov, ['mvex']) !== undefined || countSamples(tableOf(trak)) === 0;
    return isFragmented ? undefined : parseTrack(moov, trak);
  } catch (error) {
    // A table that is shorter than it says.
    if (error instanceof RangeError) throw notViewable('The video is broken or cut off.');
    throw error;
  }
}

/** Files may have a cover picture as a track of one frame, and tracks that players leave out: the film comes first. */
function chooseTrack(moov: Buffer): Buffer {
  const films = [...boxesIn(moov)]
    .filter(({ type, body }) => type === 'trak' && handlerOf(body) === 'vide')
    .map(({ body }) => ({ body, rank: rankOf(body) }))
    .sort((a, b) => b.rank - a.rank);
  const best = films[0]?.body;
  if (best === undefined) throw notViewable('The file has no video track.');
  return best;
}

function rankOf(trak: Buffer): number {
  const isEnabled = (needBox(trak, ['tkhd']).readUInt8(3) & 1) === 1;
  const isKnown = Object.hasOwn(codecs, codecName(trak));
  const isMoving = countSamples(tableOf(trak)) > 1;
  return (isKnown ? 4 : 0) + (isMoving ? 2 : 0) + (isEnabled ? 1 : 0);
}

function handlerOf(trak: Buffer): string {
  return needBox(trak, ['mdia', 'hdlr']).toString('latin1', 8, 12);
}

function tableOf(trak: Buffer): Buffer {
  return needBox(trak, ['mdia', 'minf', 'stbl']);
}

function codecName(trak: Buffer): string {
  return needBox(tableOf(trak), ['stsd']).toString('latin1', 12, 16);
}

function parseTrack(moov: Buffer, trak: Buffer): VideoTrack {
  const table = tableOf(trak);
  const entry = needBox(table, ['stsd']).subarray(8);
  const name = codecName(trak);
  const codec = Object.hasOwn(codecs, name) ? codecs[name] : undefined;
  if (codec === undefined) throw notViewable('The video has a codec that cannot be shown.');
  const { timescale, duration } = parseMediaHeader(needBox(trak, ['mdia', 'mdhd']));
  const samples = parseSamples(table, timescale);
  const edits = parseEdits(moov, trak, timescale);
  const first = samples.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
  return {
    codec,
    width: entry.readUInt16BE(32),
    height: entry.readUInt16BE(34),
    pixelAspect: parsePixelAspect(entry),
    turn: parseTurn(moov, trak),
    durationSeconds: edits?.durationSeconds ?? duration / timescale,
    samples,
    toMediaSeconds: edits?.toMediaSeconds ?? ((shownAt) => first + shownAt),
    ...parseConfiguration(codec, entry.subarray(86)),
  };
}

function parseMediaHeader(box: Buffer): { timescale: number; duration: number } {
  const isLong = box.readUInt8(0) === 1;
  const timescale = box.readUInt32BE(isLong ? 20 : 12);
  const duration = isLong ? Number(box.readBigUInt64BE(24)) : box.readUInt32BE(16);
  return { timescale: Math.max(1, timescale), duration };
}

const maxEdits = 1_000;

interface Edits {
  durationSeconds: number;
  toMediaSeconds(shownAt: number): number;
}

/** What of the track is shown, in which order (section 8.6.6); undefined where all of it is. */
function parseEdits(moov: Buffer, trak: Buffer, timescale: number): Edits | undefined {
  const elst = findBox(trak, ['edts', 'elst']);
  const mvhd = findBox(moov, ['mvhd']);
  if (elst === undefined || mvhd === undefined) return undefined;
  const movie = parseMediaHeader(mvhd).timescale;
  const isLong = elst.readUInt8(0) === 1;
  const count = Math.min(elst.readUInt32BE(4), maxEdits);
  const edits: { from: number; seconds: number; mediaFrom: number }[] = [];
  let from = 0;
  for (let index = 0; index < count; index += 1) {
    const at = 8 + index * (isLong ? 20 : 12);
    const seconds = (isLong ? Number(elst.readBigUInt64BE(at)) : elst.readUInt32BE(at)) / movie;
    const mediaFrom = isLong ? Number(elst.readBigInt64BE(at + 8)) : elst.readInt32BE(at + 4);
    // -1: nothing is shown for so long.
    if (mediaFrom >= 0) edits.push({ from, seconds, mediaFrom: mediaFrom / timescale });
    from += seconds;
  }
  const [first] = edits;
  // A last edit of no length goes on to the end.
  if (first === undefined || from === 0) return undefined;
  return {
    durationSeconds: from,
    toMediaSeconds(shownAt) {
      const edit = edits.findLast((each) => each.from <= shownAt) ?? first;
      const inside = Math.max(0, Math.min(shownAt - edit.from, edit.seconds));
      return edit.mediaFrom + inside;
    },
  };
}

function parsePixelAspect(entry: Buffer): number | undefined {
  const pasp = findBox(entry.subarray(86), ['pasp']);
  if (pasp === undefined || pasp.byteLength < 8) return undefined;
  const aspect = pasp.readUInt32BE(0) / pasp.readUInt32BE(4);
  return aspect > 0.1 && aspect < 10 ? aspect : undefined;
}

/** Phones store their films lying down and turn them by the matrix, which also mirrors. */
function parseTurn(moov: Buffer, trak: Buffer): Turn {
  const tkhd = needBox(trak, ['tkhd']);
  const mvhd = findBox(moov, ['mvhd']);
  const own = readMatrix(tkhd, tkhd.readUInt8(0) === 1 ? 52 : 40);
  const movie = mvhd === undefined ? identity : readMatrix(mvhd, mvhd.readUInt8(0) === 1 ? 48 : 36);
  const [a, b, c, d] = multiply(own, movie);
  const isMirrored = a * d - b * c < 0;
  // Of what is left when the mirror is taken away.
  const angle = Math.atan2(b, isMirrored ? -a : a) / (Math.PI / 2);
  const degrees = (((Math.round(angle) + 4) % 4) * 90) as Turn['degrees']; // as: a quarter turn, 0 to 3 times
  return { degrees, isMirrored };
}

type Matrix = readonly [a: number, b: number, c: number, d: number];
const identity: Matrix = [1, 0, 0, 1];

function readMatrix(box: Buffer, at: number): Matrix {
  const word = (index: number) => box.readInt32BE(at + index * 4) / 65_536;
  const matrix: Matrix = [word(0), word(1), word(3), word(4)];
  return matrix.every((value) => value === 0) ? identity : matrix;
}

/** First `one`, then `other`. */
function multiply([a, b, c, d]: Matrix, [e, f, g, h]: Matrix): Matrix {
  return [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
}

type Configuration = Pick<VideoTrack, 'profile' | 'lengthBytes' | 'parameterSets'>;

function parseConfiguration(codec: Codec, boxes: Buffer): Configuration {
  if (codec === 'h264') return parseAvc(needBox(boxes, ['avcC']));
  if (codec === 'hevc') return parseHevc(needBox(boxes, ['hvcC']));
  return { profile: 0, lengthBytes: 0, parameterSets: [] };
}

function parseAvc(avcC: Buffer): Configuration {
  const parameterSets: Buffer[] = [];
  let offset = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = avcC.readUInt8(offset) & mask;
    offset = readUnits(avcC, { offset: offset + 1, count }, parameterSets);
  }
  return { profile: avcC.readUInt8(1), lengthBytes: (avcC.readUInt8(4) & 3) + 1, parameterSets };
}

function parseHevc(hvcC: Buffer): Configuration {
  const parameterSets: Buffer[] = [];
  let offset = 23;
  for (let array = 0; array < hvcC.readUInt8(22); array += 1) {
    const count = hvcC.readUInt16BE(offset + 1);
    offset = readUnits(hvcC, { offset: offset + 3, count }, parameterSets);
  }
  return { profile: 0, lengthBytes: (hvcC.readUInt8(21) & 3) + 1, parameterSets };
}

/** Units with a length of 16 bits before each; answers where they end. */
function readUnits(box: Buffer, from: { offset: number; count: number }, units: Buffer[]): number {
  let { offset } = from;
  for (let index = 0; index < from.count; index += 1) {
    const length = box.readUInt16BE(offset);
    units.push(box.subarray(offset + 2, offset + 2 + length));
    offset += 2 + length;
  }
  return offset;
}

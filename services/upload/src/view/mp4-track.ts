import { boxesIn, findBox, needBox } from './mp4-boxes.ts';
import { notViewable } from './not-viewable.ts';

/** The H.264 track of a video: what is needed to find the bytes of a frame. */
export interface VideoTrack {
  width: number;
  height: number;
  rotation: 0 | 90 | 180 | 270;
  durationSeconds: number;
  /** Of H.264: 66 is Baseline. */
  profile: number;
  /** Bytes of the length before each NAL unit. */
  lengthBytes: number;
  parameterSets: Buffer[];
  samples: Sample[];
}

/** A coded frame, in decoding order. */
export interface Sample {
  offset: number;
  sizeBytes: number;
  /** When it is shown, in seconds. */
  at: number;
  /** Undefined where the file does not tell. */
  isSync: boolean | undefined;
}

const maxSamples = 500_000;

/** The first H.264 track. Throws `not_viewable` for other codecs, fragmented files and broken ones. */
export function parseVideoTrack(moov: Buffer): VideoTrack {
  for (const { type, body } of boxesIn(moov)) {
    if (type === 'trak' && needBox(body, ['mdia', 'hdlr']).toString('latin1', 8, 12) === 'vide') {
      try {
        return parseTrack(body);
      } catch (error) {
        // A table that is shorter than it says.
        if (error instanceof RangeError) throw notViewable('The video is broken or cut off.');
        throw error;
      }
    }
  }
  throw notViewable('The file has no video track.');
}

function parseTrack(trak: Buffer): VideoTrack {
  const table = needBox(trak, ['mdia', 'minf', 'stbl']);
  const entry = needBox(table, ['stsd']).subarray(8);
  const codec = entry.toString('latin1', 4, 8);
  const avcC = codec === 'avc1' || codec === 'avc3' ? findBox(entry.subarray(86), ['avcC']) : undefined;
  if (avcC === undefined) throw notViewable('The video is not H.264, the one codec that can be shown.');
  const { timescale, duration } = parseMediaHeader(needBox(trak, ['mdia', 'mdhd']));
  const samples = parseSamples(table, timescale);
  if (samples.length === 0) throw notViewable('The video is fragmented, which cannot be shown.');
  return {
    width: entry.readUInt16BE(32),
    height: entry.readUInt16BE(34),
    rotation: parseRotation(needBox(trak, ['tkhd'])),
    durationSeconds: duration / timescale,
    profile: avcC.readUInt8(1),
    lengthBytes: (avcC.readUInt8(4) & 3) + 1,
    parameterSets: parseParameterSets(avcC),
    samples,
  };
}

function parseMediaHeader(mdhd: Buffer): { timescale: number; duration: number } {
  const isLong = mdhd.readUInt8(0) === 1;
  const timescale = mdhd.readUInt32BE(isLong ? 20 : 12);
  const duration = isLong ? Number(mdhd.readBigUInt64BE(24)) : mdhd.readUInt32BE(16);
  return { timescale: Math.max(1, timescale), duration };
}

/** Phones store their videos lying down and turn them by the matrix. */
function parseRotation(tkhd: Buffer): VideoTrack['rotation'] {
  const matrix = tkhd.readUInt8(0) === 1 ? 52 : 40;
  const [a, b] = [Math.sign(tkhd.readInt32BE(matrix)), Math.sign(tkhd.readInt32BE(matrix + 4))];
  if (b === 1) return 90;
  if (b === -1) return 270;
  return a === -1 ? 180 : 0;
}

function parseParameterSets(avcC: Buffer): Buffer[] {
  const sets: Buffer[] = [];
  let offset = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = avcC.readUInt8(offset) & mask;
    offset += 1;
    for (let index = 0; index < count; index += 1) {
      const length = avcC.readUInt16BE(offset);
      sets.push(avcC.subarray(offset + 2, offset + 2 + length));
      offset += 2 + length;
    }
  }
  return sets;
}

function parseSamples(table: Buffer, timescale: number): Sample[] {
  const sizes = parseSizes(needBox(table, ['stsz']));
  const offsets = parseOffsets(table, sizes);
  const times = parseTimes(table, sizes.length);
  const stss = findBox(table, ['stss']);
  const syncs = stss === undefined ? undefined : new Set(readWords(stss, 8, stss.readUInt32BE(4)));
  const first = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  return offsets.map((offset, index) => ({
    offset,
    sizeBytes: sizes[index] ?? 0,
    at: ((times[index] ?? 0) - first) / timescale,
    isSync: syncs?.has(index + 1),
  }));
}

function parseSizes(stsz: Buffer): number[] {
  const fixed = stsz.readUInt32BE(4);
  const count = stsz.readUInt32BE(8);
  if (count > maxSamples) throw notViewable('The video is too long to be shown.');
  return fixed === 0 ? readWords(stsz, 12, count) : Array.from({ length: count }, () => fixed);
}

/** Samples lie in chunks: `stsc` tells how many in which chunk, `stco` or `co64` where the chunks are. */
function parseOffsets(table: Buffer, sizes: readonly number[]): number[] {
  const chunks = parseChunkOffsets(table);
  const stsc = needBox(table, ['stsc']);
  const runs = readWords(stsc, 8, stsc.readUInt32BE(4) * 3);
  const offsets: number[] = [];
  let run = 0;
  for (const [index, chunk] of chunks.entries()) {
    while (run + 3 < runs.length && (runs[run + 3] ?? 0) <= index + 1) run += 3;
    let offset = chunk;
    for (let sample = 0; sample < (runs[run + 1] ?? 0) && offsets.length < sizes.length; sample += 1) {
      offsets.push(offset);
      offset += sizes[offsets.length - 1] ?? 0;
    }
  }
  return offsets;
}

function parseChunkOffsets(table: Buffer): number[] {
  const stco = findBox(table, ['stco']);
  if (stco !== undefined) return readWords(stco, 8, stco.readUInt32BE(4));
  const co64 = needBox(table, ['co64']);
  const words = readWords(co64, 8, co64.readUInt32BE(4) * 2);
  return Array.from({ length: words.length / 2 }, (_, index) => {
    return (words[index * 2] ?? 0) * 2 ** 32 + (words[index * 2 + 1] ?? 0);
  });
}

/** When each sample is shown: the sum of the durations before it, moved by `ctts` where frames are reordered. */
function parseTimes(table: Buffer, count: number): number[] {
  const shifts = expandRuns(findBox(table, ['ctts']), count);
  let decodedAt = 0;
  return expandRuns(needBox(table, ['stts']), count).map((duration, index) => {
    // Signed in version 1, and never so large in version 0.
    const time = decodedAt + ((shifts[index] ?? 0) | 0);
    decodedAt += duration;
    return time;
  });
}

function expandRuns(box: Buffer | undefined, count: number): number[] {
  const values: number[] = [];
  const words = box === undefined ? [] : readWords(box, 8, box.readUInt32BE(4) * 2);
  for (let index = 0; index < words.length && values.length < count; index += 2) {
    const length = Math.min(words[index] ?? 0, count - values.length);
    for (let repeat = 0; repeat < length; repeat += 1) values.push(words[index + 1] ?? 0);
  }
  while (values.length < count) values.push(0);
  return values;
}

function readWords(box: Buffer, offset: number, count: number): number[] {
  if (offset + count * 4 > box.byteLength) throw new RangeError('the table is cut off');
  return Array.from({ length: count }, (_, index) => box.readUInt32BE(offset + index * 4));
}

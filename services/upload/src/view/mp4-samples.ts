/** The sample tables of an MP4 track: which bytes are a frame, and when it is shown. */
import { findBox, needBox } from './mp4-boxes.ts';
import { notViewable } from './not-viewable.ts';

/** A coded frame, in decoding order. */
export interface Sample {
  offset: number;
  sizeBytes: number;
  /** When it is shown, in seconds on the track's own clock. */
  at: number;
  /** Undefined where the file does not tell. */
  isSync: boolean | undefined;
}

const maxSamples = 500_000;

export function countSamples(table: Buffer): number {
  const sizes = findBox(table, ['stsz']) ?? findBox(table, ['stz2']);
  return sizes !== undefined && sizes.byteLength >= 12 ? sizes.readUInt32BE(8) : 0;
}

export function parseSamples(table: Buffer, timescale: number): Sample[] {
  const sizes = parseSizes(needBox(table, ['stsz']));
  const offsets = parseOffsets(table, sizes);
  const times = parseTimes(table, sizes.length);
  const stss = findBox(table, ['stss']);
  const syncs = stss === undefined ? undefined : new Set(readWords(stss, 8, stss.readUInt32BE(4)));
  return offsets.map((offset, index) => ({
    offset,
    sizeBytes: sizes[index] ?? 0,
    at: (times[index] ?? 0) / timescale,
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

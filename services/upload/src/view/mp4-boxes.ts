/** The boxes of an MP4 file (ISO/IEC 14496-12), read within bounds: a stranger's file says whatever it likes. */
import type { ByteSource } from './byte-source.ts';
import { notViewable } from './not-viewable.ts';

/** The inside of a box (section 4.2). */
export interface Box {
  type: string;
  body: Buffer;
}

const maxMoovBytes = 32 * 1024 * 1024;
const maxTopLevelBoxes = 1_000;
/** Inside one box. */
const maxBoxes = 10_000;

/** The `moov` box of an MP4 file, wherever in the file it is; only headers of the others are read. */
export async function readMoov(source: ByteSource): Promise<Buffer> {
  let offset = 0;
  for (let count = 0; count < maxTopLevelBoxes && offset + 8 <= source.sizeBytes; count += 1) {
    const head = await source.read(offset, 16);
    const { type, headBytes, sizeBytes } = boxHead(head, source.sizeBytes - offset);
    if (type === 'moov') {
      if (sizeBytes > maxMoovBytes) throw notViewable('The index of the video is too large.');
      return source.read(offset + headBytes, sizeBytes - headBytes);
    }
    offset += sizeBytes;
  }
  throw notViewable('The video has no index that can be read.');
}

/** The boxes in a box; a broken length ends the list. */
export function* boxesIn(body: Buffer): Generator<Box> {
  let offset = 0;
  for (let count = 0; offset + 8 <= body.byteLength; count += 1) {
    if (count >= maxBoxes) throw notViewable('The index of the video has too many parts.');
    const { type, headBytes, sizeBytes } = boxHead(body.subarray(offset), body.byteLength - offset);
    yield { type, body: body.subarray(offset + headBytes, offset + sizeBytes) };
    offset += sizeBytes;
  }
}

/** The first box at a path, e.g. `['mdia', 'minf']`. */
export function findBox(body: Buffer, path: readonly string[]): Buffer | undefined {
  const [type, ...rest] = path;
  if (type === undefined) return body;
  for (const box of boxesIn(body)) if (box.type === type) return findBox(box.body, rest);
  return undefined;
}

export function needBox(body: Buffer, path: readonly string[]): Buffer {
  const found = findBox(body, path);
  if (found === undefined) throw notViewable('The video has no index that can be read.');
  return found;
}

function boxHead(head: Buffer, leftBytes: number): { type: string; headBytes: number; sizeBytes: number } {
  const short = head.readUInt32BE(0);
  const type = head.toString('latin1', 4, 8);
  // 1: the length is in 64 bits after the type; 0: up to the end.
  if (short === 1 && head.byteLength >= 16)
    return checked(type, 16, Number(head.readBigUInt64BE(8)), leftBytes);
  return checked(type, 8, short === 0 ? leftBytes : short, leftBytes);
}

// biome-ignore lint/complexity/useMaxParams: four plain facts of one box, in one place.
function checked(type: string, headBytes: number, sizeBytes: number, leftBytes: number) {
  if (sizeBytes < headBytes || sizeBytes > leftBytes) throw notViewable('The video is broken or cut off.');
  return { type, headBytes, sizeBytes };
}

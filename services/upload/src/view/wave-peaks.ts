/** How loud a sound in a WAV file is, from beginning to end: of the samples themselves, or of a part of them where there are many. */
import type { ByteSource } from './byte-source.ts';

export interface Loudness {
  /** 0 to 1, the highest of each part; empty where the file is not one that is read here. */
  peaks: number[];
  seconds?: number;
}

/** What is read of a file at most; of a longer one as much, in pieces from all of it. */
const maxReadBytes = 1_048_576;
const pieces = 64;
const parts = 240;
const headBytes = 65_536;

export async function wavePeaks(source: ByteSource): Promise<Loudness> {
  const layout = parseHead(await source.read(0, headBytes), source.sizeBytes);
  if (layout === undefined) return { peaks: [] };
  const { frames, frameBytes, rate } = layout;
  const count = Math.min(parts, frames);
  const peaks = Array.from<number | undefined>({ length: count });
  for await (const { bytes, firstFrame } of readPieces(source, layout)) {
    const read = Math.floor(bytes.byteLength / frameBytes);
    for (let frame = 0; frame < read; frame += 1) {
      const part = Math.min(count - 1, Math.floor(((firstFrame + frame) / frames) * count));
      peaks[part] = Math.max(peaks[part] ?? 0, layout.loudness(bytes, frame * frameBytes));
    }
  }
  return { peaks: filled(peaks), seconds: Math.round((frames / rate) * 1_000) / 1_000 };
}

/** As a share of the loudest, so that quiet sounds fill a picture too; what was not read is as loud as what comes before it. */
function filled(peaks: readonly (number | undefined)[]): number[] {
  const most = peaks.reduce<number>((high, peak = 0) => Math.max(high, peak), 0);
  let before = 0;
  return peaks.map((peak) => {
    before = peak ?? before;
    return most === 0 ? 0 : Math.round((before / most) * 1_000) / 1_000;
  });
}

interface Layout {
  start: number;
  frames: number;
  frameBytes: number;
  rate: number;
  /** Of the first channel at a place. */
  loudness(bytes: Buffer, at: number): number;
}

async function* readPieces(
  source: ByteSource,
  { start, frames, frameBytes }: Layout,
): AsyncGenerator<{ bytes: Buffer; firstFrame: number }> {
  if (frames * frameBytes <= maxReadBytes) {
    yield { bytes: await source.read(start, frames * frameBytes), firstFrame: 0 };
    return;
  }
  // One piece for each of fewer, wider parts: what lies between is not looked at.
  const pieceFrames = Math.floor(maxReadBytes / pieces / frameBytes);
  for (let piece = 0; piece < pieces; piece += 1) {
    const firstFrame = Math.floor((piece * frames) / pieces);
    yield { bytes: await source.read(start + firstFrame * frameBytes, pieceFrames * frameBytes), firstFrame };
  }
}

/** RIFF/WAVE with samples as they are: whole numbers of 8 to 32 bits, or floats. */
function parseHead(head: Buffer, sizeBytes: number): Layout | undefined {
  if (
    head.byteLength < 44 ||
    head.toString('latin1', 0, 4) !== 'RIFF' ||
    head.toString('latin1', 8, 12) !== 'WAVE'
  )
    return undefined;
  let format: Pick<Layout, 'frameBytes' | 'rate' | 'loudness'> | undefined;
  for (let at = 12; at + 8 <= head.byteLength; ) {
    const id = head.toString('latin1', at, at + 4);
    const size = head.readUInt32LE(at + 4);
    if (id === 'fmt ' && at + 24 <= head.byteLength) format = parseFormat(head, at + 8);
    if (id === 'data') {
      if (format === undefined) return undefined;
      // A file that was streamed says no size, or too much.
      const bytes = Math.min(size, sizeBytes - (at + 8));
      const frames = Math.floor(bytes / format.frameBytes);
      return frames < 1 ? undefined : { ...format, start: at + 8, frames };
    }
    at += 8 + size + (size % 2);
  }
  return undefined;
}

const pcm = 1;
const float = 3;
const extensible = 0xfffe;

function parseFormat(head: Buffer, at: number): Pick<Layout, 'frameBytes' | 'rate' | 'loudness'> | undefined {
  const named = head.readUInt16LE(at);
  const kind = named === extensible && at + 26 <= head.byteLength ? head.readUInt16LE(at + 24) : named;
  const rate = head.readUInt32LE(at + 4);
  const frameBytes = head.readUInt16LE(at + 12);
  const bits = head.readUInt16LE(at + 14);
  const loudness = readerOf(kind, bits);
  if (loudness === undefined || rate === 0 || frameBytes < bits / 8) return undefined;
  return { frameBytes, rate, loudness };
}

function readerOf(kind: number, bits: number): Layout['loudness'] | undefined {
  if (kind === float && bits === 32) return (bytes, at) => bounded(bytes.readFloatLE(at));
  if (kind !== pcm) return undefined;
  // Bytes alone are unsigned.
  if (bits === 8) return (bytes, at) => bounded((bytes.readUInt8(at) - 128) / 128);
  if (![16, 24, 32].includes(bits)) return undefined;
  return (bytes, at) => bounded(bytes.readIntLE(at, bits / 8) / 2 ** (bits - 1));
}

function bounded(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.abs(value)) : 0;
}

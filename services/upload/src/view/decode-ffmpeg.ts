/** Frames decoded by an `ffmpeg` that the operator has installed, where we have no decoder of our own. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ByteSource } from './byte-source.ts';
import type { FrameUnits } from './frame-units.ts';
import type { Codec, VideoTrack } from './mp4-track.ts';
import { notViewable } from './not-viewable.ts';

const startCode = Buffer.from([0, 0, 0, 1]);
const maxOutputBytes = 64 * 1024 * 1024;
/** Frames that come out before the one asked for, at most. */
const maxOutputFrames = 40;
/** As much of a film is read as is not listed in an index. */
const maxStreamBytes = 160 * 1024 * 1024;
const pieceBytes = 1024 * 1024;
/** Of its data, beside what of the process's own is counted. */
const maxDataKib = 384 * 1024;

export interface FfmpegOptions {
  /** Absolute; undefined when there is none. */
  ffmpegPath: string | undefined;
}

/** The frame that the units lead to, as a PNG as it is coded: not turned. */
export async function decodeUnits(
  frame: FrameUnits,
  { codec, width, height }: VideoTrack,
  options: FfmpegOptions,
): Promise<Buffer> {
  const { index, after, mayMiss } = frame;
  const program = needFfmpeg(options, codec === 'h264' ? 'an H.264 profile' : `a codec (${codec})`);
  const wanted =
    mayMiss === 0
      ? ['-frames:v', '1']
      : ['-fps_mode', 'passthrough', '-frames:v', String(Math.min(maxOutputFrames, mayMiss + 1 + after))];
  const input =
    codec === 'h264' || codec === 'hevc' ? toAnnexB(frame) : toIvf(frame, { codec, width, height });
  const output = await run(program, {
    format: codec === 'h264' || codec === 'hevc' ? codec : 'ivf',
    select: `gte(n\\,${Math.max(0, index - mayMiss)})`,
    wanted,
    input: Readable.from([input], { objectMode: false }),
  });
  const pictures = splitPngs(output);
  // Of frames that may be missing nobody knows how many are: those after the one asked for are all there.
  const picture = pictures[mayMiss === 0 ? 0 : Math.max(0, pictures.length - 1 - after)];
  if (picture === undefined) throw notViewable('The video cannot be decoded.');
  return picture;
}

/** A frame of a film that has no index: it is read from its beginning on, up to the time asked for. */
export async function decodeStream(
  source: ByteSource,
  { format, atSeconds, ...options }: { format: 'mov' | 'matroska'; atSeconds: number } & FfmpegOptions,
): Promise<Buffer> {
  const program = needFfmpeg(options, 'a form');
  const output = await run(program, {
    format,
    select: `gte(t\\,${Math.max(0, atSeconds - 0.0005)})`,
    wanted: ['-an', '-sn', '-dn', '-frames:v', '1'],
    input: Readable.from(piecesOf(source), { objectMode: false }),
  });
  if (output.byteLength === 0) {
    throw notViewable(
      `No frame at ${atSeconds} s was reached.`,
      'Ask for an earlier time: the video may end before.',
    );
  }
  return output;
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Buffer> {
  const end = Math.min(source.sizeBytes, maxStreamBytes);
  for (let at = 0; at < end; at += pieceBytes) yield await source.read(at, Math.min(pieceBytes, end - at));
}

interface Decoding {
  format: string;
  select: string;
  wanted: readonly string[];
  input: Readable;
}

/** It may open nothing but its standard input, has nothing of our environment, and ends with this process. */
async function run(program: string, { format, select, wanted, input }: Decoding): Promise<Buffer> {
  // Frames whose references are missing come out as well: which one it is, is told by counting.
  const whole = ['-flags', '+output_corrupt', '-protocol_whitelist', 'pipe'];
  const from = ['-v', 'error', '-threads', '1', ...whole, '-f', format, '-i', 'pipe:0'];
  // As many pixels as are shown: those of a film may be wider than high.
  const filters = `select=${select},scale=iw*sar:ih,setsar=1`;
  const to = [...wanted, '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'];
  const arguments_ = [...from, '-vf', filters, ...to];
  const bounded = ['-c', `ulimit -d ${maxDataKib} 2>/dev/null; exec "$0" "$@"`, program, ...arguments_];
  const child =
    process.platform === 'win32'
      ? spawn(program, arguments_, { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
      : spawn('/bin/sh', bounded, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxOutputBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  child.once('error', () => reject(noFfmpeg('a codec')));
  child.once('close', (code) => {
    if (code === 0) resolve(Buffer.concat(chunks));
    else reject(notViewable('The video cannot be decoded.'));
  });
  // It may end before it has read all: the frame is out by then.
  const feeding = pipeline(input, child.stdin).catch((error: unknown) => {
    if (!(error instanceof Error) || !('code' in error) || isEndOfPipe(error.code)) return;
    child.kill('SIGKILL');
  });
  const output = await promise;
  await feeding;
  return output;
}

function isEndOfPipe(code: unknown): boolean {
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function needFfmpeg({ ffmpegPath }: FfmpegOptions, what: string): string {
  if (ffmpegPath === undefined) throw noFfmpeg(what);
  return ffmpegPath;
}

function noFfmpeg(what: string): Error {
  return notViewable(
    `The video is of ${what} that needs ffmpeg, which is not installed here.`,
    'Open the link of the file, or ask the operator to install ffmpeg.',
  );
}

function toAnnexB({ units }: FrameUnits): Buffer {
  return Buffer.concat(units.flatMap((unit) => [startCode, unit]));
}

/** The container of frames that codecs without units are tried with (IVF): a head, and one before each frame. */
function toIvf(
  { units }: FrameUnits,
  { codec, width, height }: { codec: Codec; width: number; height: number },
): Buffer {
  const head = Buffer.alloc(32);
  head.write(`DKIF\0\0\x20\0${codec === 'av1' ? 'AV01' : 'VP90'}`, 'latin1');
  head.writeUInt16LE(width, 12);
  head.writeUInt16LE(height, 14);
  head.writeUInt32LE(25, 16);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(units.length, 24);
  const frames = units.flatMap((unit, index) => {
    const before = Buffer.alloc(12);
    before.writeUInt32LE(unit.byteLength, 0);
    before.writeUInt32LE(index, 4);
    return [before, unit];
  });
  return Buffer.concat([head, ...frames]);
}

const pngHead = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** Pictures that follow each other, by their chunks (PNG, section 5.3). */
function splitPngs(bytes: Buffer): Buffer[] {
  const pictures: Buffer[] = [];
  for (let start = 0; bytes.subarray(start, start + 8).equals(pngHead); ) {
    let at = start + 8;
    let type = '';
    while (type !== 'IEND' && at + 12 <= bytes.byteLength) {
      type = bytes.toString('latin1', at + 4, at + 8);
      at += 12 + bytes.readUInt32BE(at);
    }
    pictures.push(bytes.subarray(start, at));
    start = at;
  }
  return pictures;
}

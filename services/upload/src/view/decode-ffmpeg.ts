import { spawn } from 'node:child_process';
import type { FrameUnits } from './frame-units.ts';
import { notViewable } from './not-viewable.ts';

const startCode = Buffer.from([0, 0, 0, 1]);
const maxOutputBytes = 64 * 1024 * 1024;

export interface FfmpegOptions {
  /** Absolute; undefined when there is none. */
  ffmpegPath: string | undefined;
  timeoutMs: number;
}

/**
 * Decodes any profile of H.264 with an `ffmpeg` that the operator has installed; answers a PNG. It is given nothing
 * but the units of one frame on its standard input, may open nothing else, and is killed at the deadline.
 */
export async function decodeWithFfmpeg(frame: FrameUnits, options: FfmpegOptions): Promise<Buffer> {
  if (options.ffmpegPath === undefined) throw noFfmpeg();
  const child = spawn(options.ffmpegPath, ffmpegArguments(frame.index), {
    stdio: ['pipe', 'pipe', 'ignore'],
    // It needs nothing of ours, least of all our secrets.
    env: {},
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxOutputBytes) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  child.once('error', () => reject(noFfmpeg()));
  child.once('close', (code) => {
    if (code === 0 && sizeBytes > 0) resolve(Buffer.concat(chunks));
    else reject(notViewable('The video cannot be decoded.'));
  });
  // It may end before it has read all: the frame is out by then.
  child.stdin.on('error', () => undefined);
  child.stdin.end(Buffer.concat(frame.units.flatMap((unit) => [startCode, unit])));
  return promise;
}

function noFfmpeg(): Error {
  return notViewable(
    'The video is of an H.264 profile that needs ffmpeg, which is not installed here.',
    'Open the link of the file, or ask the operator to install ffmpeg.',
  );
}

function ffmpegArguments(index: number): string[] {
  const input = ['-protocol_whitelist', 'pipe', '-f', 'h264', '-i', 'pipe:0'];
  const output = ['-frames:v', '1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'];
  return ['-v', 'error', '-threads', '1', ...input, '-vf', `select=gte(n\\,${index})`, ...output];
}

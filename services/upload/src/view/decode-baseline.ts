import { Worker } from 'node:worker_threads';
import type { FrameUnits } from './frame-units.ts';
import { notViewable } from './not-viewable.ts';

export interface DecodedFrame {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** Decodes H.264 Baseline in a worker, which is ended when it takes too long or too much memory. */
export async function decodeBaseline({ units, index }: FrameUnits, timeoutMs: number): Promise<DecodedFrame> {
  const worker = new Worker(new URL('./decode-frame-worker.js', import.meta.url), {
    workerData: { units, index },
    resourceLimits: { maxOldGenerationSizeMb: 128 },
    stderr: true,
    env: {},
  });
  const { promise, resolve, reject } = Promise.withResolvers<DecodedFrame>();
  const fail = () => reject(notViewable('The video cannot be decoded.'));
  const timer = setTimeout(fail, timeoutMs);
  worker.once('message', resolve).once('error', fail).once('exit', fail);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

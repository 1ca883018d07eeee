import { createRequire } from 'node:module';
import type { DenoiseInput } from '../models/denoise.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { resample } from './resample.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';
import { readWav, writeWav } from './wav.ts';

interface RnnoiseModule {
  HEAPF32: Float32Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _rnnoise_create(model: number): number;
  _rnnoise_destroy(state: number): void;
  _rnnoise_process_frame(state: number, output: number, input: number): number;
}

const networkRate = 48_000;
const frameSize = 480;
/** What the network gives back is one frame late. */
const delay = frameSize;
const fullScale = 32_768;
const maxSeconds = 600;

let rnnoise: Promise<RnnoiseModule> | undefined;

serveJobs(denoise);

async function denoise({ file, input, progress }: WorkerJob<DenoiseInput>): Promise<WorkerOutput[]> {
  const { sampleRate, channels } = readWav(file('audio'));
  const seconds = (channels[0]?.length ?? 0) / sampleRate;
  if (seconds > maxSeconds) {
    throw new UnusableInput(
      `audio: ${Math.round(seconds)} s; at most ${maxSeconds} s are taken. Cut it into parts.`,
    );
  }
  rnnoise ??= loadRnnoise();
  const network = await rnnoise;
  const cleaned = channels.map((samples, index) => {
    const noisy = resample(samples, sampleRate, networkRate);
    const share = (fraction: number) => progress((index + fraction) / channels.length);
    return mix(noisy, clean(network, noisy, share), input.strength);
  });
  const bytes = writeWav({ sampleRate: networkRate, channels: cleaned });
  return [{ kind: 'audio', contentType: 'audio/wav', fileName: 'denoised.wav', bytes }];
}

async function loadRnnoise(): Promise<RnnoiseModule> {
  const { default: create }: { default(): Promise<RnnoiseModule> } = createRequire(import.meta.url)(
    '@echogarden/rnnoise-wasm',
  );
  return await create();
}

function clean(
  network: RnnoiseModule,
  samples: Float32Array,
  progress: (fraction: number) => void,
): Float32Array {
  const state = network._rnnoise_create(0);
  const pointer = network._malloc(frameSize * Float32Array.BYTES_PER_ELEMENT);
  const start = pointer / Float32Array.BYTES_PER_ELEMENT;
  const result = new Float32Array(samples.length);
  const frame = new Float32Array(frameSize);
  for (let at = 0; at < samples.length + delay; at += frameSize) {
    for (let index = 0; index < frameSize; index += 1) frame[index] = (samples[at + index] ?? 0) * fullScale;
    network.HEAPF32.set(frame, start);
    network._rnnoise_process_frame(state, pointer, pointer);
    for (let index = 0; index < frameSize; index += 1) {
      const to = at + index - delay;
      if (to >= 0 && to < result.length) result[to] = (network.HEAPF32[start + index] ?? 0) / fullScale;
    }
    progress(Math.min(1, at / samples.length));
  }
  network._rnnoise_destroy(state);
  network._free(pointer);
  return result;
}

function mix(noisy: Float32Array, cleaned: Float32Array, strength: number): Float32Array {
  if (strength === 1) return cleaned;
  return cleaned.map((sample, index) => strength * sample + (1 - strength) * (noisy[index] ?? 0));
}

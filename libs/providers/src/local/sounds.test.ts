import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalProvider } from './index.ts';
import { voices } from './models/speech.ts';
import { bytesOf, runModel, toRequest, watchModel } from './testing/run-model.ts';
import { loudness, noise } from './testing/sounds.ts';
import { readWav, type Sound, writeWav } from './workers/wav.ts';

const provider = createLocalProvider();
afterAll(() => provider.close());

describe('speech', () => {
  it.each(voices)('says a sentence in a plausible time with the voice %s', async (voice) => {
    const text = 'Hello there, this is a small test of the voice.';

    const { sampleRate, channels } = readWav(await bytesOf(provider, toRequest('speech', { text, voice })));

    const seconds = (channels[0]?.length ?? 0) / sampleRate;
    expect(sampleRate).toBe(voice === 'kal' ? 8000 : 16_000);
    expect(seconds).toBeGreaterThan(1.5);
    expect(seconds).toBeLessThan(6);
    expect(loudness(channels[0])).toBeGreaterThan(0.02);
  });

  it('is half as long at twice the speed', async () => {
    const text = 'One two three four five six seven.';
    const normal = await bytesOf(provider, toRequest('speech', { text }));

    const fast = await bytesOf(provider, toRequest('speech', { text, speed: 2 }));

    expect(fast.length / normal.length).toBeGreaterThan(0.4);
    expect(fast.length / normal.length).toBeLessThan(0.65);
  });

  it('advances with every sentence', async () => {
    const text = 'This sentence is one of many. '.repeat(100);

    const views = await watchModel(provider, toRequest('speech', { text }));

    const steps = views.map(({ progress }) => progress ?? 0).filter((step) => step > 0 && step < 1);
    expect(steps.length).toBeGreaterThanOrEqual(2);
  });

  it('refuses text in which there is nothing to say', async () => {
    const view = await runModel(provider, toRequest('speech', { text: '。。。!' }));

    expect(view.error?.code).toBe('validation_failed');
    expect(view.error?.message).toContain('Send text in Latin letters');
  });
});

describe('denoise', () => {
  let voice: Sound;

  beforeAll(async () => {
    const text = 'The birch canoe slid on the smooth planks.';
    voice = readWav(await bytesOf(provider, toRequest('speech', { text })));
  });

  it('lowers the noise floor by 20 dB and keeps the voice', async () => {
    const silence = 2 * voice.sampleRate;
    const speech = voice.channels[0] ?? new Float32Array();
    const noisy = noise(speech.length + silence, 0.02);
    speech.forEach((sample, index) => {
      noisy[silence + index] = (noisy[silence + index] ?? 0) + sample;
    });

    const audio = writeWav({ sampleRate: voice.sampleRate, channels: [noisy] });
    const cleaned = readWav(await bytesOf(provider, toRequest('denoise', {}, { audio })));

    const floor = loudness(cleaned.channels[0], 48_000, 94_000);
    expect(cleaned.sampleRate).toBe(48_000);
    expect(floor).toBeLessThan(loudness(noisy, 16_000, 31_000) / 10);
    expect(loudness(cleaned.channels[0], 96_000)).toBeGreaterThan(loudness(speech) * 0.6);
  });

  it('gives back a sound that lines up with the input', async () => {
    const audio = writeWav(voice);
    const clean = async (strength: number) =>
      readWav(await bytesOf(provider, toRequest('denoise', { strength }, { audio }))).channels[0] ??
      new Float32Array();

    const [untouched, cleaned] = [await clean(0), await clean(1)];

    expect(cleaned.length).toBe(untouched.length);
    expect(bestShift(untouched, cleaned)).toBe(0);
  });

  it('cleans a stereo file of 44.1 kHz channel by channel', async () => {
    const left = noise(44_100, 0.05);
    const audio = writeWav({ sampleRate: 44_100, channels: [left, new Float32Array(44_100)] });

    const { sampleRate, channels } = readWav(await bytesOf(provider, toRequest('denoise', {}, { audio })));

    expect(sampleRate).toBe(48_000);
    expect(channels.map((samples) => samples.length)).toEqual([48_000, 48_000]);
    expect(loudness(channels[1])).toBeLessThan(1e-3);
  });

  it.each([
    ['no WAV file', new Uint8Array(64), 'Convert it to WAV'],
    [
      'a file that is cut off',
      writeWav({ sampleRate: 8000, channels: [noise(800, 0.1)] }).slice(0, 500),
      'cut off',
    ],
    [
      'more than ten minutes',
      writeWav({ sampleRate: 4000, channels: [new Float32Array(4000 * 601)] }),
      'Cut it into parts',
    ],
  ])('refuses %s and says what to do', async (_name, audio, message) => {
    const view = await runModel(provider, toRequest('denoise', {}, { audio }));

    expect(view.error?.code).toBe('validation_failed');
    expect(view.error?.message).toContain(message);
  });
});

/** By how many steps of a millisecond `late` has to be moved back to match best. */
function bestShift(early: Float32Array, late: Float32Array): number {
  const step = 48;
  const likeness = (shift: number) =>
    early.reduce((sum, sample, index) => sum + sample * (late[index + shift * step] ?? 0), 0);
  const shifts = Array.from({ length: 41 }, (_, index) => index - 20);
  return shifts.reduce((best, shift) => (likeness(shift) > likeness(best) ? shift : best), 0);
}

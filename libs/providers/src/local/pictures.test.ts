import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLocalProvider } from './index.ts';
import { syntheticPhoto } from './testing/pictures.ts';
import { bytesOf, jsonOf, outputOf, runModel, toRequest, watchModel } from './testing/run-model.ts';

const provider = createLocalProvider();
afterAll(() => provider.close());

describe('pan-and-zoom', () => {
  it('writes an MP4 of the size and length that was asked for', async () => {
    const image = await syntheticPhoto(320, 240).jpeg().toBuffer();
    const input = {
      duration_seconds: 1,
      fps: 12,
      resolution: '360p',
      aspect_ratio: '9:16',
      motion: 'pan-up',
    };

    const video = Buffer.from(await bytesOf(provider, toRequest('pan-and-zoom', input, { image })));

    expect(video.subarray(4, 8).toString()).toBe('ftyp');
    expect(video.length).toBeGreaterThan(5000);
    expect(video.length).toBeLessThan(1_000_000);
    expect(sizeOf(video)).toEqual([360, 640]);
    expect(secondsOf(video)).toBeCloseTo(1, 1);
  });

  it('shows progress that grows from frame to frame', async () => {
    const image = await syntheticPhoto(200, 150).png().toBuffer();
    const input = { duration_seconds: 2, resolution: '360p' };

    const views = await watchModel(provider, toRequest('pan-and-zoom', input, { image }));

    const steps = views.map(({ progress }) => progress ?? 0);
    expect(steps.filter((step) => step > 0 && step < 1).length).toBeGreaterThanOrEqual(2);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  });

  it('refuses a picture that is none', async () => {
    const view = await runModel(provider, toRequest('pan-and-zoom', {}, { image: Buffer.from('GIF89a') }));

    expect(view.error).toMatchObject({ code: 'validation_failed' });
  });
});

describe('detect-objects', () => {
  it('gives boxes inside the picture, the most certain first', async () => {
    const image = await syntheticPhoto(320, 240).png().toBuffer();

    const found = Detections.parse(
      await jsonOf(provider, toRequest('detect-objects', { min_score: 0.05 }, { image })),
    );

    const scores = found.objects.map(({ score }) => score);
    expect([found.width, found.height]).toEqual([320, 240]);
    expect(found.objects.length).toBeGreaterThan(0);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    for (const { box } of found.objects) {
      expect(Math.min(box.x, box.y, box.width, box.height)).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(320);
      expect(box.y + box.height).toBeLessThanOrEqual(240);
    }
  });

  it('names each thing once', async () => {
    const image = await syntheticPhoto(128, 128).png().toBuffer();

    const found = Detections.parse(
      await jsonOf(provider, toRequest('detect-objects', { min_score: 0.05 }, { image })),
    );

    const places = found.objects.map(({ box }) => JSON.stringify(box));
    expect(new Set(places).size).toBe(places.length);
  });

  it('leaves out what is less certain than asked for', async () => {
    const image = await syntheticPhoto(64, 64).png().toBuffer();

    const found = await jsonOf(provider, toRequest('detect-objects', { min_score: 0.95 }, { image }));

    expect(found).toMatchObject({ objects: [], summary: 'nothing' });
  });
});

describe('ocr', () => {
  it('reads a printed line', async () => {
    const image = await printed('The quick brown fox 123').png().toBuffer();

    const { kind, text } = await outputOf(provider, toRequest('ocr', {}, { image }));

    expect(kind).toBe('text');
    expect(text).toBe('The quick brown fox 123');
  });

  it('says so when there is no text in the picture', async () => {
    const image = await printed('').png().toBuffer();

    const view = await runModel(provider, toRequest('ocr', {}, { image }));

    expect(view.error?.message).toContain('no text was found');
  });
});

const Detections = z.object({
  width: z.int(),
  height: z.int(),
  objects: z.array(
    z.object({
      score: z.number(),
      box: z.object({ x: z.int(), y: z.int(), width: z.int(), height: z.int() }),
    }),
  ),
});

function printed(text: string) {
  const style = 'font-size="36" font-family="DejaVu Sans, sans-serif"';
  return sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="120"><rect width="600" height="120" fill="white"/><text x="20" y="70" ${style}>${text}</text></svg>`,
    ),
  );
}

/** Of the `avc1` sample entry (ISO 14496-12, section 12.1.3). */
function sizeOf(video: Buffer): number[] {
  const entry = video.indexOf('avc1', video.indexOf('stsd'));
  return [video.readUInt16BE(entry + 28), video.readUInt16BE(entry + 30)];
}

/** Of the `mvhd` box, version 0 (ISO 14496-12, section 8.2.2). */
function secondsOf(video: Buffer): number {
  const header = video.indexOf('mvhd');
  return video.readUInt32BE(header + 20) / video.readUInt32BE(header + 16);
}

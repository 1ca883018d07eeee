import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { createLocalProvider } from './index.ts';
import { packageFile } from './package-files.ts';
import { psnr, syntheticPhoto } from './testing/pictures.ts';
import { bytesOf, outputOf, runModel, toRequest, watchModel } from './testing/run-model.ts';
import { loadLayersNetwork } from './workers/layers-network.ts';
import { loadTensors } from './workers/tensors.ts';
import { upscaleTiles } from './workers/upscale-tiles.ts';

const provider = createLocalProvider();
afterAll(() => provider.close());

describe('upscale-2x', () => {
  it('doubles the size and is closer to the original than a bicubic enlargement', async () => {
    const original = await syntheticPhoto(256, 192).png().toBuffer();
    const small = await sharp(original).resize(128, 96).png().toBuffer();

    const enlarged = await bytesOf(provider, toRequest('upscale-2x', {}, { image: small }));

    const { data, info } = await sharp(enlarged).raw().toBuffer({ resolveWithObject: true });
    const truth = await sharp(original).raw().toBuffer();
    const bicubic = await sharp(small).resize(256, 192, { kernel: 'cubic' }).raw().toBuffer();
    expect([info.width, info.height, info.channels]).toEqual([256, 192, 3]);
    expect(psnr(data, truth)).toBeGreaterThan(psnr(bicubic, truth) + 1);
  });

  it('names its output and says that it cost nothing', async () => {
    const image = await syntheticPhoto(16, 16).webp().toBuffer();

    const view = await runModel(provider, toRequest('upscale-2x', {}, { image }));

    expect(view.charged).toEqual({ amount: 0, currency: 'USD' });
    expect(view.outputs?.[0]).toMatchObject({
      kind: 'image',
      contentType: 'image/png',
      fileName: 'upscale-2x.png',
    });
  });

  it('shows progress that grows from tile to tile', async () => {
    const image = await syntheticPhoto(384, 256).jpeg().toBuffer();

    const views = await watchModel(provider, toRequest('upscale-2x', {}, { image }));

    const steps = views.map(({ progress }) => progress ?? 0);
    expect(steps.filter((step) => step > 0 && step < 1).length).toBeGreaterThanOrEqual(3);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  });

  it('keeps transparency', async () => {
    const image = await syntheticPhoto(24, 24)
      .composite([{ input: Buffer.from(hole), blend: 'dest-out' }])
      .png()
      .toBuffer();

    const enlarged = await bytesOf(provider, toRequest('upscale-2x', {}, { image }));

    const { data, info } = await sharp(enlarged).raw().toBuffer({ resolveWithObject: true });
    const alphaAt = (x: number, y: number) => data[(y * info.width + x) * info.channels + 3];
    expect([info.width, info.channels]).toEqual([48, 4]);
    expect([alphaAt(8, 24), alphaAt(40, 24)]).toEqual([0, 255]);
  });

  it('puts the picture on a colour when it is asked to flatten it', async () => {
    const clear = sharp({ create: { width: 20, height: 20, channels: 4, background: '#00000000' } });
    const image = await clear.png().toBuffer();
    const input = { transparency: 'flatten', background: '#00ff00' };

    const enlarged = await bytesOf(provider, toRequest('upscale-2x', input, { image }));

    const { data, info } = await sharp(enlarged).raw().toBuffer({ resolveWithObject: true });
    const [red = 255, green = 0, blue = 255] = data.subarray((20 * 40 + 20) * 3);
    expect(info.channels).toBe(3);
    expect(Math.max(red, 255 - green, blue)).toBeLessThan(25);
  });

  it('turns a picture upright by its EXIF orientation', async () => {
    const image = await syntheticPhoto(40, 20).withMetadata({ orientation: 6 }).jpeg().toBuffer();

    const { width, height } = await sharp(
      await bytesOf(provider, toRequest('upscale-2x', {}, { image })),
    ).metadata();

    expect([width, height]).toEqual([40, 80]);
  });

  it.each([
    ['text', async () => Buffer.from('not a picture at all'), 'this is no PNG, JPEG or WebP'],
    ['an SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'this is no PNG'],
    [
      'a PNG that is cut off',
      async () => (await syntheticPhoto(90, 90).png().toBuffer()).subarray(0, 2000),
      'damaged',
    ],
    [
      'a JPEG that is cut off',
      async () => (await syntheticPhoto(90, 90).jpeg().toBuffer()).subarray(0, 900),
      'damaged',
    ],
    ['a picture that is too large', () => plain(2100, 2100), 'at most 4194304'],
    ['a far too large picture', () => plain(8000, 8000), 'Scale it down'],
  ])('refuses %s and says what to do', async (_name, make, message) => {
    const view = await runModel(provider, toRequest('upscale-2x', {}, { image: await make() }));

    expect(view.status).toBe('failed');
    expect(view.error?.code).toBe('validation_failed');
    expect(view.error?.message).toContain(message);
  });
});

it('makes a picture four times as large', async () => {
  const image = await syntheticPhoto(40, 30).png().toBuffer();

  const { bytes } = await outputOf(provider, toRequest('upscale-4x', {}, { image }));

  const { width, height } = await sharp(bytes).metadata();
  expect([width, height]).toEqual([160, 120]);
});

it.each([2, 4])(
  'gives the same pixels in tiles as in one piece at %dx, so there are no seams',
  async (factor) => {
    const { data } = await syntheticPhoto(100, 70).raw().toBuffer({ resolveWithObject: true });
    const source = { width: 100, height: 70, pixels: data };
    const file = packageFile('@upscalerjs/esrgan-slim', `../../../../../models/x${factor}/model.json`);
    const network = await loadLayersNetwork(await loadTensors(), file);
    const inTiles = (tileSize: number) =>
      upscaleTiles(source, network, { factor, tileSize, margin: 10, progress: () => undefined });

    const [tiles, whole] = [await inTiles(48), await inTiles(100)];

    const worst = tiles.pixels.reduce(
      (max, value, at) => Math.max(max, Math.abs(value - (whole.pixels[at] ?? 0))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1);
  },
);

const hole = '<svg width="24" height="24"><rect width="12" height="24" fill="#000"/></svg>';

function plain(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#888888' } })
    .png()
    .toBuffer();
}

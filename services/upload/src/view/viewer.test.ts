import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { hostileFilm } from '../testing-films.ts';
import { bufferSource } from './byte-source.ts';
import { createViewer, type Look, type Viewer, type ViewerOptions } from './viewer.ts';

const viewers: Viewer[] = [];
afterEach(async () => {
  await Promise.all(viewers.splice(0).map((viewer) => viewer.close()));
});

function viewerOf(options: Partial<ViewerOptions> = {}): Viewer {
  const viewer = createViewer({ memoryMb: 400, timeoutMs: 20_000, ...options });
  viewers.push(viewer);
  return viewer;
}

const film: Look = { contentType: 'video/mp4', maxPx: 128, atSeconds: 1e6, ffmpegPath: undefined };
const picture: Look = { ...film, contentType: 'image/png', atSeconds: 0 };
const never = new AbortController().signal;
const drawing = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: { r: 1, g: 2, b: 3, alpha: 0.5 } } });
const small = await drawing(30, 20).png().toBuffer();
const refusal = { code: 'not_viewable', message: expect.any(String), nextAction: expect.any(String) };

/** The most that this thread computed at a stretch while the work was done, in ms: of its processor, not of the clock. */
async function longestStop(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const before = process.threadCpuUsage();
    await sleep(5);
    longest = Math.max(longest, process.threadCpuUsage(before).user / 1_000);
  }
  await done;
  return longest;
}

const unitsOf = (bytes: number, unit: readonly number[]) =>
  Buffer.alloc(bytes - (bytes % unit.length), Buffer.from(unit));

describe('a look at a hostile file', () => {
  it.each([
    ['600 samples of 40,000 units', { sample: unitsOf(80_000, [1, 0x65]), samples: 600, hasKeyFrames: true }],
    [
      'one sample of 20 million units',
      { sample: unitsOf(40_000_000, [1, 0x65]), samples: 1, hasKeyFrames: true },
    ],
    [
      '600 samples and no key frame',
      { sample: unitsOf(5_000_000, [1, 0x61]), samples: 600, hasKeyFrames: false },
    ],
    ['half a million samples', { sample: unitsOf(200, [1, 0x61]), samples: 500_000, hasKeyFrames: false }],
    ['units without an end', { sample: unitsOf(100_000, [0]), samples: 600, hasKeyFrames: false }],
  ])('refuses %s and leaves this process free', { timeout: 40_000 }, async (_case, kind) => {
    const viewer = viewerOf();
    const source = bufferSource(hostileFilm(kind));

    const looking = viewer.view(source, film, never);
    const stopped = await longestStop(looking.catch(() => undefined));

    await expect(looking).rejects.toMatchObject(refusal);
    expect(stopped).toBeLessThan(1_000);
    expect(await viewer.view(bufferSource(small), picture, never)).toMatchObject({ width: 30, height: 20 });
  });

  it('refuses a picture that takes more memory than there is, before or while it is decoded', async () => {
    const viewer = viewerOf({ memoryMb: 64 });
    const interlaced = await drawing(5_000, 5_000).png({ progressive: true }).toBuffer();
    const tiff = await drawing(5_000, 5_000)
      .tiff({ compression: 'deflate', tile: true, tileWidth: 4_992, tileHeight: 4_992 })
      .toBuffer();

    await expect(viewer.view(bufferSource(interlaced), picture, never)).rejects.toMatchObject(refusal);
    const looking = viewer.view(bufferSource(tiff), { ...picture, contentType: 'image/tiff' }, never);
    await looking.catch((error: unknown) => expect(error).toMatchObject(refusal));
    expect(await viewer.view(bufferSource(small), picture, never)).toMatchObject({ width: 30 });
  });

  it('reads no more of a file than one look may take', async () => {
    const viewer = viewerOf();
    let readBytes = 0;
    const endless = {
      sizeBytes: 2 ** 40,
      async read(_start: number, length: number) {
        readBytes += length;
        return Buffer.alloc(length);
      },
    };

    await expect(viewer.view(endless, picture, never)).rejects.toMatchObject(refusal);
    expect(readBytes).toBeLessThanOrEqual(224 * 1024 * 1024);
  });
});

describe('the process of a look', () => {
  /** A file whose bytes never come. */
  const silent = { sizeBytes: 100, read: () => new Promise<Buffer>(() => undefined) };

  it('is ended at the deadline, and the next look has another one', { timeout: 20_000 }, async () => {
    const viewer = viewerOf({ timeoutMs: 5_000 });

    await expect(viewer.view(silent, picture, never)).rejects.toMatchObject({
      ...refusal,
      message: 'The file takes too long to decode.',
    });
    await expect.poll(() => viewer.processes()).toEqual([]);
    expect(await viewer.view(bufferSource(small), picture, never)).toMatchObject({ width: 30 });
  });

  it('is ended when the caller no longer waits', async () => {
    const viewer = viewerOf();
    const caller = new AbortController();

    const looking = viewer.view(silent, picture, caller.signal);
    caller.abort();

    await expect(looking).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => viewer.processes()).toEqual([]);
  });

  it('may be killed at any time: that is a file which cannot be shown', async () => {
    const viewer = viewerOf();
    const reading = Promise.withResolvers<void>();
    const read = () => {
      reading.resolve();
      return silent.read();
    };
    const source = { ...silent, read };

    const looking = viewer.view(source, picture, never);
    await reading.promise;
    for (const pid of viewer.processes()) process.kill(pid, 'SIGKILL');

    await expect(looking).rejects.toMatchObject(refusal);
    expect(await viewer.view(bufferSource(small), picture, never)).toMatchObject({ width: 30 });
  });

  it('is one for looks after each other, and ends when it is not used', async () => {
    const viewer = viewerOf({ idleMs: 300 });

    await viewer.view(bufferSource(small), picture, never);
    const [first] = viewer.processes();
    await viewer.view(bufferSource(small), picture, never);

    expect(viewer.processes()).toEqual([first]);
    await expect.poll(() => viewer.processes()).toEqual([]);
  });

  it('tells that a file cannot be read', async () => {
    const source = { sizeBytes: 10, read: () => Promise.reject(new Error('the disk is gone')) };

    await expect(viewerOf().view(source, picture, never)).rejects.toMatchObject(refusal);
  });
});

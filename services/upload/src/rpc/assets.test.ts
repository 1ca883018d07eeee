import { createUpload, makeSheet, openAsset, resolveAssets } from '@inferry/contracts';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let now = Date.now();
beforeAll(async () => {
  upload = await startUpload({ now: () => now });
});
afterAll(() => upload.close());

const open = (ref: string, principal = alice) =>
  upload.bus.call(openAsset, { file_name: 'out.txt', ref }, { principal });
const resolve = (refs: string[], principal = alice) =>
  upload.bus.call(resolveAssets, { refs }, { principal });

async function store(principal = alice, args: Record<string, unknown> = {}) {
  const { structuredContent } = await upload.tool(
    createUpload,
    { file_name: 'a.txt', ...args },
    { principal },
  );
  await fetch(structuredContent.upload_url, { method: 'PUT', body: 'hello' });
  return structuredContent;
}

describe('open_asset', () => {
  it('gives the same asset for the same ref until it is stored, then no URL', async () => {
    const first = await open('run_1/0');
    const again = await open('run_1/0');
    await fetch(again.put_url ?? '', { method: 'PUT', body: 'x' });
    const stored = await open('run_1/0');

    expect(again.asset_id).toBe(first.asset_id);
    expect(stored).toEqual({ asset_id: first.asset_id });
  });

  it('gives a working URL again after the one before has ended', async () => {
    await open('run_2/0');
    now += 2 * 86_400_000;

    const again = await open('run_2/0');

    expect((await fetch(again.put_url ?? '', { method: 'PUT', body: 'x' })).status).toBe(200);
  });

  it('keeps the refs of subjects apart', async () => {
    expect((await open('run_3/0')).asset_id).not.toBe((await open('run_3/0', bob)).asset_id);
  });

  it('gives one asset to calls at the same time', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => open('run_4/0')));

    expect(new Set(opened.map(({ asset_id: id }) => id)).size).toBe(1);
  });
});

describe('resolve_assets', () => {
  it('answers ids and our own URLs, and null for others, in order', async () => {
    const { asset_id: id, file_url: url } = await store();

    const { assets } = await resolve([id, 'https://example.com/x.png', url]);

    expect(assets.map((asset) => asset?.asset_id)).toEqual([id, undefined, id]);
    expect(assets[0]).toMatchObject({
      file_name: 'a.txt',
      content_type: 'text/plain',
      bytes: 5,
      url,
      internal_url: expect.stringContaining('/files/'),
    });
  });

  it.each(['id', 'URL'])("answers another subject's %s as unknown", async (kind) => {
    const { asset_id: id, file_url: url } = await store(bob);

    const foreign = await resolve([kind === 'id' ? id : url]).catch((error: unknown) => error);
    const unknown = await resolve(['asset_AAAAAAAAAAAAAAAAAAAAAA']).catch((error: unknown) => error);

    expect(foreign).toMatchObject({ code: 'asset_not_found' });
    expect(String(foreign)).toBe(String(unknown));
  });

  it('answers asset_not_ready for an upload that has not come', async () => {
    const { structuredContent } = await upload.tool(createUpload, { file_name: 'a' });

    await expect(resolve([structuredContent.asset_id])).rejects.toMatchObject({
      code: 'asset_not_ready',
      retryable: true,
    });
  });

  it('answers asset_not_found once the file has ended', async () => {
    const { asset_id: id } = await store(alice, { expires_in: 60 });
    now += 60_000;

    await expect(resolve([id])).rejects.toMatchObject({ code: 'asset_not_found' });
  });
});

describe('make_sheet', () => {
  async function storePicture(background: string, principal = alice): Promise<string> {
    const picture = await sharp({ create: { width: 60, height: 40, channels: 3, background } })
      .png()
      .toBuffer();
    const { asset_id: id, put_url: url } = await upload.bus.call(
      openAsset,
      { file_name: 'p.png', ref: `run_sheet/${background}` },
      { principal },
    );
    await fetch(url ?? '', { method: 'PUT', body: new Uint8Array(picture) });
    return id;
  }
  const make = (ref: string, ids: string[], principal = alice) =>
    upload.bus.call(
      makeSheet,
      { ref, file_name: 'sheet.jpg', cells: ids.map((id, number) => ({ number, asset_id: id })) },
      { principal, timeoutMs: 60_000 },
    );

  it('puts each picture into its place with its number, and is the same asset again', {
    timeout: 90_000,
  }, async () => {
    const ids = [await storePicture('red'), (await store()).asset_id, await storePicture('blue')];

    const { asset } = await make('batch_1/sheet', ids);
    const again = await make('batch_1/sheet', ids);

    const bytes = Buffer.from(await (await fetch(asset?.internal_url ?? '')).arrayBuffer());
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    expect(again.asset?.asset_id).toBe(asset?.asset_id);
    expect(asset?.content_type).toBe('image/jpeg');
    // Two columns of 320 pixels, with 8 around and 22 below each for its number.
    expect([info.width, info.height]).toEqual([2 * 328 + 8, 2 * 350 + 8]);
    expect(at(8 + 160, 8 + 160)[0]).toBeGreaterThan(230);
    expect(at(336 + 160, 8 + 160)).toEqual([228, 228, 228].map((value) => expect.closeTo(value, -1)));
    expect(at(8 + 160, 358 + 160)[2]).toBeGreaterThan(230);
    // The left edge of the 0 below the first, and the hole in it.
    expect(at(9, 8 + 320 + 3 + 7)[0]).toBeLessThan(90);
    expect(at(12, 8 + 320 + 3 + 7)[0]).toBeGreaterThan(150);
  });

  it("shows nobody else's pictures, and makes no sheet of none", { timeout: 90_000 }, async () => {
    const theirs = await storePicture('lime', bob);

    expect(await make('batch_2/sheet', [theirs])).toEqual({});
  });
});

describe('a link to keep', () => {
  it('is there where links end before their file, and outlives them', async () => {
    const ending = await startUpload({ now: () => now, fileUrlSeconds: 60 });
    const opened = await ending.bus.call(
      openAsset,
      { file_name: 'a.txt', ref: 'run_1/0' },
      { principal: alice },
    );
    await fetch(opened.put_url ?? '', { method: 'PUT', body: 'x' });
    const { assets } = await ending.bus.call(
      resolveAssets,
      { refs: [opened.asset_id] },
      { principal: alice },
    );
    const [{ url = '', lasting_url: lasting = '' } = {}] = assets.map((asset) => asset ?? {});
    now += 120_000;

    expect((await fetch(url)).status).toBe(404);
    expect(await (await fetch(lasting)).text()).toBe('x');
    const { asset_id: id } = await store();
    expect((await resolve([id])).assets[0]?.lasting_url).toBeUndefined();
    await ending.close();
  });
});

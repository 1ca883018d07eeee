import { createUpload, openAsset, resolveAssets } from '@inferry/contracts';
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

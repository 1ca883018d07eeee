import { createUpload, openAsset, readStorage, uploadFile } from '@inferry/contracts';
import { setPolicy } from '@inferry/database';
import { afterEach, describe, expect, it } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
afterEach(() => upload.close());

const open = async (args: Record<string, unknown>, principal = alice) =>
  (await upload.tool(createUpload, { file_name: 'a.bin', ...args }, { principal })).structuredContent;
const put = (url: string, body: string) => fetch(url, { method: 'PUT', body });
const refused = { code: 'storage_quota_exceeded', next_action: expect.any(String) };

describe('what a tenant may store', () => {
  it('counts from the promise on, for each tenant by itself', async () => {
    upload = await startUpload({ maxStoredBytes: 100 });

    expect((await open({ size: 60 })).error).toBeUndefined();
    expect((await open({ size: 60 })).error).toMatchObject(refused);
    expect((await open({ size: 40 })).error).toBeUndefined();
    expect((await open({ size: 60 }, bob)).error).toBeUndefined();
  });

  it('holds when many promises are made at once', async () => {
    upload = await startUpload({ maxStoredBytes: 100, maxStoredFiles: 1_000 });

    const made = await Promise.all(Array.from({ length: 20 }, () => open({ size: 30 })));

    expect(made.filter(({ error }) => error === undefined)).toHaveLength(3);
  });

  it('holds for files of unknown size that come at once, and nothing of the others stays', async () => {
    upload = await startUpload({ maxStoredBytes: 100 });
    const urls = await Promise.all(Array.from({ length: 6 }, async () => (await open({})).upload_url));

    const answers = await Promise.all(urls.map((url) => put(url, 'x'.repeat(40))));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 507, 507, 507, 507]);
    expect(await upload.keys()).toHaveLength(2);
  });

  it('is told with what is stored and promised, to each tenant of its own', async () => {
    upload = await startUpload({ maxStoredBytes: 100 });
    await open({ size: 60 });
    await put((await open({})).upload_url, 'x'.repeat(5));

    const told = await Promise.all(
      [alice, bob].map((principal) => upload.bus.call(readStorage, {}, { principal })),
    );

    expect(told).toEqual([
      { bytes: 65, files: 2, max_bytes: 100 },
      { bytes: 0, files: 0, max_bytes: 100 },
    ]);
  });

  it('is as an operator set it for a tenant, in place of what is usual', async () => {
    upload = await startUpload({ maxStoredBytes: 100 });
    await setPolicy(upload.database, { scope: 'subject', value: 'alice', maxBytes: 10 });

    const { error } = await open({ size: 20 });

    expect(error).toMatchObject({ ...refused, next_action: expect.stringContaining('delete_assets') });
    expect((await open({ size: 20 }, bob)).error).toBeUndefined();
    expect(await upload.bus.call(readStorage, {}, { principal: alice })).toMatchObject({ max_bytes: 10 });
  });

  it('counts files', async () => {
    upload = await startUpload({ maxStoredFiles: 2 });

    await open({});
    expect((await upload.tool(uploadFile, { base64: 'QUJD' })).isError).toBeUndefined();

    expect((await open({})).error).toMatchObject(refused);
    expect((await upload.tool(uploadFile, { base64: 'QUJD' })).structuredContent.error).toMatchObject(
      refused,
    );
  });

  it('never drops the output of a run, which counts', async () => {
    upload = await startUpload({ maxStoredBytes: 10, maxStoredFiles: 1 });
    const { put_url: url } = await upload.bus.call(
      openAsset,
      { file_name: 'a', ref: 'run_1/0' },
      { principal: alice },
    );

    expect((await put(url ?? '', 'x'.repeat(40))).status).toBe(200);
    expect((await open({})).error).toMatchObject(refused);
  });

  it('has room again when a file has ended', async () => {
    let now = Date.now();
    upload = await startUpload({ maxStoredBytes: 10, now: () => now, sweepEveryMs: 20, fileSeconds: 60 });
    const { upload_url: url } = await open({ size: 10 });
    await put(url, '0123456789');

    now += 61_000;

    await expect.poll(async () => (await open({ size: 10 })).error).toBeUndefined();
  });
});

// as: what the data plane says of a file that it stored.
const stored = async (answer: Response) => (await answer.json()) as { file_url: string };

describe('while the store of locks is away', () => {
  it('files are read and stored, the bound holds within a replica, and readiness tells and stays', async () => {
    upload = await startUpload({ maxStoredBytes: 100, maxStoredFiles: 1_000 });
    const { file_url: url } = await stored(await put((await open({})).upload_url, 'before'));
    upload.breakLimits();

    const made = await Promise.all(Array.from({ length: 20 }, () => open({ size: 30 })));
    const late = await put((await open({ size: 4 })).upload_url, 'new!');
    const read = await fetch(url);

    expect(made.filter(({ error }) => error === undefined)).toHaveLength(3);
    expect(late.status).toBe(200);
    expect([read.status, await read.text()]).toEqual([200, 'before']);
    const ready = await fetch(`${upload.base}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { isReady: true, problems: { 'upload.limits': 'does not answer' } },
    ]);
  });

  it('a disk that is away as well is a reason to get no requests', async () => {
    upload = await startUpload();
    upload.breakLimits();
    await upload.breakStorage();

    const ready = await fetch(`${upload.base}/readyz`);

    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      problems: { 'upload.blobs': 'does not answer', 'upload.limits': 'does not answer' },
    });
  });
});

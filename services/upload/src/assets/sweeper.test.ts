import { Readable } from 'node:stream';
import { createUpload } from '@inferry/contracts';
import { setPolicy } from '@inferry/database';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startUpload, type UploadUnderTest } from '../testing.ts';
import { blobPrefix } from './asset-keys.ts';
import { createAssetTable } from './asset-table.ts';
import { createPolicies } from './quota.ts';
import { startSweeper } from './sweeper.ts';

let upload: UploadUnderTest;
let now = Date.now();
const log = { info: () => undefined, warn: () => undefined };
beforeEach(async () => {
  now = Date.now();
  upload = await startUpload({ now: () => now });
});
afterEach(() => upload.close());

function newSweeper(batchSize = 100, everyMs = 60_000) {
  const assets = createAssetTable(upload.database, () => now);
  const { blobs, limits, database } = upload;
  const policies = createPolicies(database, { fileSeconds: undefined });
  const sweeper = startSweeper(
    { assets, blobs, limits, database, policies, log, readNow: async () => now },
    { everyMs, batchSize, pendingGraceMs: 3_600_000 },
  );
  return sweeper;
}

async function store(args: Record<string, unknown>): Promise<string> {
  const { structuredContent } = await upload.tool(createUpload, { file_name: 'a', ...args });
  await fetch(structuredContent.upload_url, { method: 'PUT', body: 'x' });
  return structuredContent.asset_id;
}
const ids = async () =>
  (await upload.database.queries.selectFrom('assets').select('asset_id').execute()).map(
    ({ asset_id: id }) => id,
  );

it('removes files that ended, with their blobs, and keeps the others', async () => {
  const kept = await store({});
  await store({ expires_in: 60 });
  now += 60_000;
  const sweeper = newSweeper();

  const removed = await sweeper.sweep();

  expect(removed).toBe(1);
  expect(await ids()).toEqual([kept]);
  expect(await upload.keys()).toHaveLength(1);
  await sweeper.stop();
});

it('removes uploads that never came, with the parts that did, after a grace', async () => {
  const { structuredContent } = await upload.tool(createUpload, { file_name: 'a', size: 20_000_000 });
  await upload.blobs.put(`${blobPrefix(structuredContent.asset_id)}part-00001`, Readable.from(['x']));
  const sweeper = newSweeper();

  now += 1_200_000;
  const early = await sweeper.sweep();
  now += 3_600_000;
  const late = await sweeper.sweep();

  expect([early, late]).toEqual([0, 1]);
  expect(await ids()).toEqual([]);
  expect(await upload.keys()).toEqual([]);
  await sweeper.stop();
});

it('goes on batch by batch', async () => {
  for (let count = 0; count < 7; count += 1) await store({ expires_in: 60 });
  now += 60_000;
  const sweeper = newSweeper(3);

  expect(await sweeper.sweep()).toBe(7);
  expect(await upload.keys()).toEqual([]);
  await sweeper.stop();
});

it('ends what a sweep that died had begun', async () => {
  await store({ expires_in: 60 });
  now += 60_000;
  await createAssetTable(upload.database, () => now).takeEnded({ now, pendingBefore: 0, limit: 10 });
  const sweeper = newSweeper();

  expect(await sweeper.sweep()).toBe(1);
  expect(await ids()).toEqual([]);
  await sweeper.stop();
});

it('ends what a tenant may keep no longer, also what was stored before that was said, batch by batch', async () => {
  for (let count = 0; count < 5; count += 1) await store({});
  now += 86_400_000;
  await setPolicy(upload.database, { scope: 'subject', value: 'alice', retentionDays: 1 });
  const sweeper = newSweeper(2);

  expect(await sweeper.sweep()).toBe(5);
  expect(await upload.keys()).toEqual([]);
  await sweeper.stop();
});

it('leaves the work to the one that is at it', async () => {
  await store({ expires_in: 60 });
  now += 60_000;
  const sweepers = [newSweeper(), newSweeper()];

  const removed = await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));

  expect(removed.sort()).toEqual([0, 1]);
  for (const sweeper of sweepers) await sweeper.stop();
});

it('runs by itself', async () => {
  await store({ expires_in: 60 });
  now += 60_000;
  const sweeper = newSweeper(100, 20);

  await vi.waitFor(async () => expect(await ids()).toEqual([]), { timeout: 5_000 });

  await sweeper.stop();
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Blobs, createFolderBlobs } from '@inferry/blobs';
import { createS3Blobs } from '@inferry/blobs/s3';
import { type S3TestServer, startS3TestServer } from '@inferry/blobs/s3-test-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openHome } from '../home.ts';
import { backup, restore } from './backup.ts';
import { openStore } from './open-store.ts';

let server: S3TestServer;
let folder: string;
let printed: string;
beforeAll(async () => {
  server = await startS3TestServer();
});
afterAll(() => server.close());
beforeEach(() => {
  printed = '';
  folder = mkdtempSync(join(tmpdir(), 'inferry-backup-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const envOf = (home: string) => ({
  INFERRY_HOME: join(folder, home),
  S3_ENDPOINT: server.endpoint,
  S3_REGION: 'us-east-1',
  S3_ACCESS_KEY_ID: server.accessKeyId,
  S3_SECRET_ACCESS_KEY: server.secretAccessKey,
});

async function blobsOf(home: string): Promise<Blobs> {
  return createFolderBlobs({ folder: openHome(join(folder, home), undefined).blobsFolder });
}

const inBucket = () => createS3Blobs({ ...server, region: 'us-east-1' });

/** One stored file with a tag, and one that was deleted. */
async function fill(home: string, content: string): Promise<void> {
  const { database, close } = await openStore(envOf(home));
  const blobs = await blobsOf(home);
  await blobs.put('assets/a/whole-1', Readable.from([content]));
  const row = {
    ...{ asset_id: 'asset_1', subject: 'ada', ref: null, state: 'stored', file_name: 'a.txt', part_count: 1 },
    ...{ declared_type: null, declared_bytes: null, declared_sha256: null, content_type: 'text/plain' },
    ...{ size_bytes: content.length, sha256: 'x', blob_key: 'assets/a/whole-1', created_at: 1, stored_at: 1 },
    ...{ upload_until: 1, expires_at: null },
  };
  await database.queries.insertInto('assets').values(row).execute();
  await database.queries
    .insertInto('asset_tags')
    .values({ asset_id: 'asset_1', subject: 'ada', tag: 'kept' })
    .execute();
  await blobs.close();
  await close();
}

describe('a backup in a bucket', () => {
  it('stands up again on an empty machine, rows, tags and files', async () => {
    await fill('before', 'hello');
    await backup(['--to', `s3://${server.bucket}`], envOf('before'));

    await restore(['--from', `s3://${server.bucket}`], envOf('after'));

    const { database, close } = await openStore(envOf('after'));
    const blobs = await blobsOf('after');
    const text = Buffer.concat(await (await blobs.get('assets/a/whole-1')).toArray()).toString();
    expect(text).toBe('hello');
    expect(await database.queries.selectFrom('asset_tags').select('tag').execute()).toEqual([
      { tag: 'kept' },
    ]);
    expect(printed).toContain('1 files');
    await blobs.close();
    await close();
  });

  it('that was broken off, or is not what was written, is not restored', async () => {
    await fill('before', 'hello');
    await backup(['--to', `s3://${server.bucket}`], envOf('before'));
    const bucket = inBucket();
    const names = new Set<string>();
    for await (const { key } of bucket.list('')) names.add(key.split('/')[0] ?? '');
    const newest =
      [...names]
        .filter((name) => name !== 'blobs')
        .sort()
        .at(-1) ?? '';
    await bucket.put(`${newest}/tables/assets`, Readable.from(['not what was written']));

    const changed = restore(['--from', `s3://${server.bucket}`, '--name', newest], envOf('changed'));
    await expect(changed).rejects.toThrow();
    await bucket.delete(`${newest}/manifest`);
    const broken = restore(['--from', `s3://${server.bucket}`, '--name', newest], envOf('broken'));
    await expect(broken).rejects.toThrow();
    await bucket.close();
  });

  it('that cannot be reached is said to be so', async () => {
    await fill('before', 'hello');
    const env = { ...envOf('before'), S3_ENDPOINT: 'http://127.0.0.1:9' };

    await expect(backup(['--to', 's3://inferry'], env)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

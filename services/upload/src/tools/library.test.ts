import {
  AppError,
  createUpload,
  deleteAssets,
  forgetPayload,
  listAssets,
  openAsset,
  updateAssets,
} from '@inferry/contracts';
import { setPolicy } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let now: number;
/** What the runs' owner was asked to forget. */
let forgotten: { run_id: string; asset_ids?: string[] | undefined }[];

beforeEach(async () => {
  now = Date.parse('2031-03-05T10:00:00Z');
  forgotten = [];
  upload = await startUpload({ now: () => now });
  upload.bus.serve(forgetPayload, async (input) => {
    forgotten.push(input);
    return { platform: 'asked' };
  });
});
afterEach(() => upload.close());

/** An output of a run, as its poller stores it. */
async function addOutput(runId: string, fields: { prompt?: string; tags?: string[]; body?: string } = {}) {
  const { body = 'hello', ...rest } = fields;
  const about = { run_id: runId, model: 'p/m', mount: 'inferry', ...rest };
  const opened = await upload.bus.call(
    openAsset,
    { file_name: 'out.txt', ref: `${runId}/0`, about },
    { principal: alice },
  );
  await fetch(opened.put_url ?? '', { method: 'PUT', body });
  return opened.asset_id;
}

async function addUpload(name: string, principal = alice): Promise<string> {
  const { structuredContent } = await upload.tool(createUpload, { file_name: name }, { principal });
  await fetch(structuredContent.upload_url, { method: 'PUT', body: name });
  return structuredContent.asset_id;
}

interface Listed {
  asset_id: string;
  url: string;
  permanent_url: string;
  prompt?: string;
  tags?: string[];
  expires_at?: string;
}

async function list(args: Record<string, unknown> = {}, principal = alice): Promise<Listed[]> {
  const { structuredContent } = await upload.tool(listAssets, args, { principal });
  // as: what the tool lists.
  return (structuredContent.items ?? []) as Listed[];
}

const idsOf = async (args: Record<string, unknown>, principal = alice): Promise<string[]> =>
  (await list(args, principal)).map(({ asset_id: id }) => id);

const change = (args: Record<string, unknown>, principal = alice) =>
  upload.tool(updateAssets, args, { principal });

describe('list_assets', () => {
  it('finds what runs made by what they were asked for, their tags and kind, and tells tenants apart', async () => {
    const fox = await addOutput('run_1', { prompt: 'A Red Fox', tags: ['team:a'] });
    const file = await addUpload('notes.txt');
    const foreign = await addUpload('notes.txt', bob);

    expect(await idsOf({ query: 'fox red' })).toEqual([fox]);
    expect(await idsOf({ tags: ['team:a'], source: 'run', model: 'p/m', kind: 'text' })).toEqual([fox]);
    expect(await idsOf({ query: 'NOTES' })).toEqual([file]);
    expect(await idsOf({ query: 'notes' }, bob)).toEqual([foreign]);
    expect(await idsOf({ kind: 'image' })).toEqual([]);
  });

  it('costs at most 1 KB where nobody asks for more, and goes on where it stopped', async () => {
    const all: string[] = [];
    for (let at = 0; at < 6; at += 1) {
      now += 1_000;
      all.unshift(await addOutput(`run_${at}`, { prompt: 'a long prompt '.repeat(40) }));
    }

    const seen: string[] = [];
    for (let cursor: unknown; ; ) {
      const { content, structuredContent } = await upload.tool(
        listAssets,
        cursor === undefined ? {} : { cursor },
      );
      expect(JSON.stringify(structuredContent).length).toBeLessThanOrEqual(1_024);
      expect(content[0]?.text.length).toBeLessThanOrEqual(1_024);
      // as: what the tool lists.
      seen.push(...(structuredContent.items as Listed[]).map(({ asset_id: id }) => id));
      cursor = Object(structuredContent.page).next_cursor;
      if (cursor === undefined) break;
    }

    expect(seen).toEqual(all);
    expect(await idsOf({ limit: 6 })).toEqual(all);
  });

  it('shows one in full, with a permanent link, and nobody else’s', async () => {
    const id = await addOutput('run_1', { prompt: 'x'.repeat(300) });

    const [shown] = await list({ asset_id: id });
    const foreign = await upload.tool(listAssets, { asset_id: id }, { principal: bob });

    expect(shown).toMatchObject({ run_id: 'run_1', bytes: 5, prompt: 'x'.repeat(300) });
    expect(foreign.structuredContent.error.code).toBe('asset_not_found');
  });
});

describe('a permanent link', () => {
  const linkOf = async (id: string): Promise<string> =>
    (await list({ asset_id: id }))[0]?.permanent_url ?? '';

  it('leads to a freshly signed one, which ends, while it goes on', async () => {
    const link = await linkOf(await addUpload('a.txt'));

    const answer = await fetch(link, { redirect: 'manual' });
    const fresh = answer.headers.get('location') ?? '';

    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'no-store']);
    expect(await (await fetch(fresh)).text()).toBe('a.txt');
    now += 2 * 3_600_000;
    expect((await fetch(fresh)).status).toBe(404);
    expect(await (await fetch(link)).text()).toBe('a.txt');
  });

  it('opens nothing once revoked, as every link of before; a new one does', async () => {
    const id = await addUpload('a.txt');
    const link = await linkOf(id);
    const [before] = await list({});

    await change({ asset_ids: [id], revoke_links: true });

    expect((await fetch(link)).status).toBe(404);
    expect((await fetch(before?.url ?? '')).status).toBe(404);
    expect((await fetch(await linkOf(id))).status).toBe(200);
  });

  it('cannot be made of another asset’s, or guessed', async () => {
    const [one, other] = [await addUpload('a.txt'), await addUpload('b.txt')];
    const link = await linkOf(one);

    const statuses = await Promise.all(
      [link.replace(one, other), link.replace(/~.{22}/, `~${'A'.repeat(22)}`), link.replace('~', '')].map(
        async (url) => (await fetch(url, { redirect: 'manual' })).status,
      ),
    );

    expect(statuses).toEqual([404, 404, 404]);
  });
});

describe('update_assets', () => {
  it('tags, lets end and keeps again, all assets or none of them', async () => {
    const [one, foreign] = [await addUpload('a.txt'), await addUpload('a.txt', bob)];

    const refused = await change({ asset_ids: [one, foreign], add_tags: ['x'] });
    await change({ asset_ids: [one], add_tags: ['x', 'y'], expires_in: 60 });
    await change({ asset_ids: [one], remove_tags: ['y'] });
    const [tagged] = await list({ tags: ['x'] });
    await change({ asset_ids: [one], keep: true });

    expect(refused.structuredContent.error.code).toBe('asset_not_found');
    expect(tagged).toMatchObject({ tags: ['x'], expires_at: '2031-03-05T10:01:00.000Z' });
    now += 61_000;
    expect(await idsOf({ tags: ['x'] })).toEqual([one]);
    const both = await change({ asset_ids: [one], keep: true, expires_in: 60 });
    expect(both.structuredContent.error.code).toBe('validation_failed');
  });

  it('keeps nothing longer than its tenant’s retention', async () => {
    await setPolicy(upload.database, { scope: 'subject', value: 'alice', retentionDays: 1 });
    const id = await addUpload('a.txt');

    await change({ asset_ids: [id], expires_in: 60 });
    await change({ asset_ids: [id], keep: true });

    expect((await list({ asset_id: id }))[0]?.expires_at).toBe('2031-03-06T10:00:00.000Z');
  });
});

describe('delete_assets', () => {
  const remove = async (args: Record<string, unknown>, principal = alice) =>
    (await upload.tool(deleteAssets, args, { principal })).structuredContent;

  it('deletes the bytes and the row, and what the run says of it first', async () => {
    const id = await addOutput('run_1', { prompt: 'secret' });
    const file = await addUpload('a.txt');
    const [{ url = '' } = {}] = await list({ asset_id: id });

    const done = await remove({ asset_ids: [id, file, 'asset_AAAAAAAAAAAAAAAAAAAAAA'] });

    expect(done).toEqual({ deleted: 2, not_found: ['asset_AAAAAAAAAAAAAAAAAAAAAA'] });
    expect(forgotten).toEqual([{ run_id: 'run_1', asset_ids: [id] }]);
    expect((await fetch(url)).status).toBe(404);
    expect(await upload.keys()).toEqual([]);
    expect(await upload.database.queries.selectFrom('assets').selectAll().execute()).toEqual([]);
  });

  it('deletes all that is kept of a run, and says what its platform does', async () => {
    await addOutput('run_1');
    const other = await addOutput('run_2');

    expect(await remove({ run_id: 'run_1' })).toEqual({ deleted: 1, platform: 'asked' });
    expect(forgotten).toEqual([{ run_id: 'run_1' }]);
    expect(await idsOf({})).toEqual([other]);
  });

  it('touches nobody else’s', async () => {
    const id = await addOutput('run_1');

    expect(await remove({ asset_ids: [id] }, bob)).toEqual({ deleted: 0, not_found: [id] });
    expect([await idsOf({}), forgotten]).toEqual([[id], []]);
  });

  it('leaves what cannot be removed now to the sweep: nobody reads it any more', async () => {
    const id = await addUpload('a.txt');
    const [{ url = '' } = {}] = await list({});
    const away = new AppError('unavailable', 'The storage is away.');
    vi.spyOn(upload.blobs, 'list').mockImplementationOnce(() => {
      throw away;
    });

    expect(await remove({ asset_ids: [id] })).toEqual({ deleted: 1 });
    expect((await fetch(url)).status).toBe(404);
    expect(await upload.database.queries.selectFrom('assets').select('state').execute()).toEqual([
      { state: 'deleted' },
    ]);
  });

  it.each([{}, { asset_ids: ['asset_a'], run_id: 'run_1' }])('refuses %j', async (args) => {
    expect((await remove(args)).error.code).toBe('validation_failed');
  });
});

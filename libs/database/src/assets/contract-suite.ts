import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { insertRun } from '../runs/run-rows.ts';
import { listDeliveries, replayDelivery } from '../runs/webhook-deliveries.ts';
import type { AssetRow } from '../schema.ts';
import {
  type AssetFilter,
  addAssetTags,
  changeAssets,
  listAssetRows,
  markAssetsDeleted,
  maxTags,
} from './library.ts';
import { forgetRunPayload, leasePayloadDeletions, settlePayloadDeletion } from './payloads.ts';
import { listPolicies, policyFor, type StoragePolicy, setPolicy } from './policies.ts';
import { endOverdueAssets, listOverdueRuns } from './retention.ts';

const now = Date.parse('2031-03-05T10:00:00Z');

/** What the queries of the asset library do alike on both databases. `create` answers an empty one. */
export function describeAssetQueries(
  name: string,
  create: () => Promise<{ database: Database; remove(): Promise<void> }>,
): void {
  describe(name, () => {
    let database: Database;
    let remove: () => Promise<void>;

    beforeEach(async () => {
      ({ database, remove } = await create());
      await database.migrate();
    });
    afterEach(async () => {
      await database.close();
      await remove();
    });

    async function add(id: string, fields: Partial<AssetRow> = {}, tags: string[] = []): Promise<void> {
      const subject = fields.subject ?? 'ada';
      const row = {
        ...{ asset_id: id, subject, ref: null, state: 'stored', file_name: 'a.png', declared_type: null },
        ...{ declared_bytes: null, declared_sha256: null, content_type: 'image/png', size_bytes: 5 },
        ...{
          sha256: null,
          blob_key: null,
          part_count: 1,
          created_at: now,
          stored_at: now,
          upload_until: now,
        },
        expires_at: null,
        ...fields,
      };
      await database.queries.insertInto('assets').values(row).execute();
      await addAssetTags(database.queries, { assetId: id, subject, tags });
    }

    const find = async (filter: Partial<AssetFilter> = {}): Promise<string[]> => {
      const rows = await listAssetRows(database.queries, { subject: 'ada', now, limit: 10, ...filter });
      return rows.map(({ asset_id: id }) => id);
    };

    async function addRun(runId: string, phase = 'done'): Promise<void> {
      await insertRun(database, {
        row: {
          ...{ run_id: runId, subject: 'ada', grant_id: 'k', idempotency_key: runId, request_hash: '' },
          ...{ model: 'p/m', provider: 'p', native_id: 'm', input: '{"prompt":"x"}', file_fields: '{}' },
          ...{ options: '{}', metadata: '{}', status: 'succeeded', phase, version: 1, poll_attempts: 0 },
          ...{ created_at: now, deadline_at: now, currency: 'USD', reserved_micros: 0 },
          ...{ outputs: '{"stored":[1]}', logs: '["l"]', raw: '{"r":1}' },
        },
        tags: {},
        wantedMicros: 0,
      });
    }

    const forget = (runId: string, fields: { subject?: string; isWhole?: boolean; isAsked?: boolean } = {}) =>
      forgetRunPayload(database, {
        ...{ runId, subject: fields.subject ?? 'ada', now, actor: 'ada', isWhole: fields.isWhole ?? true },
        outputs: () => '{"stored":[]}',
        isAsked: () => fields.isAsked ?? true,
      });

    it('lists newest first what is stored and has not ended, of one subject, in pages', async () => {
      await add('asset_1');
      await add('asset_2', { created_at: now + 1 });
      await add('asset_3', { created_at: now + 1 });
      await add('asset_4', { expires_at: now });
      await add('asset_5', { state: 'pending' });
      await add('asset_6', { subject: 'bob' });

      expect(await find()).toEqual(['asset_3', 'asset_2', 'asset_1']);
      expect(await find({ limit: 2 })).toEqual(['asset_3', 'asset_2']);
      expect(await find({ before: { createdAt: now + 1, assetId: 'asset_2' } })).toEqual(['asset_1']);
    });

    it('finds by words, kind, model, run, time and tags, all of which must hold', async () => {
      await add('asset_1', { search_text: 'a.png\na red 100% fox', model: 'p/m', run_id: 'run_1' }, [
        'one',
        'two',
      ]);
      await add(
        'asset_2',
        { search_text: 'b.mp4\na grün fox', content_type: 'video/mp4', created_at: now + 9 },
        ['one'],
      );

      expect(await find({ words: ['fox', 'red'] })).toEqual(['asset_1']);
      expect(await find({ words: ['100%'] })).toEqual(['asset_1']);
      expect(await find({ words: ['grün'] })).toEqual(['asset_2']);
      expect(await find({ words: ['f_x'] })).toEqual([]);
      expect(await find({ types: ['video/', 'audio/'] })).toEqual(['asset_2']);
      expect(await find({ notTypes: ['video/'] })).toEqual(['asset_1']);
      expect(await find({ model: 'p/m' })).toEqual(['asset_1']);
      expect([await find({ isOfRun: true }), await find({ isOfRun: false })]).toEqual([
        ['asset_1'],
        ['asset_2'],
      ]);
      expect(await find({ runId: 'run_1' })).toEqual(['asset_1']);
      expect(await find({ since: now + 1 })).toEqual(['asset_2']);
      expect(await find({ until: now + 1 })).toEqual(['asset_1']);
      expect(await find({ tags: ['one', 'two'] })).toEqual(['asset_1']);
      expect(await find({ tags: ['one'], words: ['fox'] })).toEqual(['asset_2', 'asset_1']);
    });

    it('changes tags, ends and links of a subject’s own, and nothing where one would have too many tags', async () => {
      await add('asset_1', {}, ['old']);
      await add('asset_2', { subject: 'bob' });
      const change = {
        subject: 'ada',
        now,
        assetIds: ['asset_1', 'asset_2'],
        removeTags: ['old'],
        endsLinks: true,
      };
      const many = Array.from({ length: maxTags + 1 }, (_, at) => `tag ${at}`);

      const { rows } = await changeAssets(database, {
        ...change,
        addTags: ['new'],
        expiresAt: () => now + 5,
      });
      const refused = await changeAssets(database, { ...change, addTags: many });

      expect(rows).toMatchObject([{ asset_id: 'asset_1', expires_at: now + 5, link_serial: 1 }]);
      expect(refused).toEqual({ rows: [], overfull: ['asset_1'] });
      expect([await find({ tags: ['new'] }), await find({ tags: ['old'] })]).toEqual([['asset_1'], []]);
    });

    it('marks as deleted what is a subject’s own, with what was said of it, and tags go with the row', async () => {
      await add('asset_1', { prompt: 'x', search_text: 'x', run_id: 'run_1' }, ['one']);
      await add('asset_2', { subject: 'bob', run_id: 'run_1' });

      const marked = await markAssetsDeleted(database.queries, { subject: 'ada', now, runId: 'run_1' });
      await database.queries.deleteFrom('assets').where('asset_id', '=', 'asset_1').execute();

      expect(marked).toMatchObject([
        { asset_id: 'asset_1', state: 'deleted', prompt: null, search_text: '' },
      ]);
      expect(await database.queries.selectFrom('asset_tags').selectAll().execute()).toEqual([]);
      expect(await find({ subject: 'bob' })).toEqual(['asset_2']);
    });

    it('takes of each rule the tenant’s, else the mount’s, else the deployment’s', async () => {
      await setPolicy(database, { scope: 'deployment', value: '', retentionDays: 30, rehost: true });
      await setPolicy(database, { scope: 'mount', value: 'runware', rehost: false });
      await setPolicy(database, { scope: 'subject', value: 'ada', maxBytes: 7 });
      const policies = await listPolicies(database.queries);

      expect(policyFor(policies, { subject: 'ada', mount: 'runware' })).toEqual({
        ...{ retentionDays: 30, rehost: false, maxBytes: 7 },
      });
      expect(policyFor(policies, { subject: 'bob', mount: '' })).toMatchObject({
        rehost: true,
        maxBytes: undefined,
      });
      await setPolicy(database, { scope: 'subject', value: 'ada' });
      expect((await listPolicies(database.queries)).map(({ scope }) => scope)).toEqual([
        'deployment',
        'mount',
      ]);
    });

    it('ends files and finds runs that are kept longer than a tenant, else a mount, else the deployment lets them be', async () => {
      const day = 86_400_000;
      const policies: StoragePolicy[] = [
        { scope: 'deployment', value: '', retentionDays: 30 },
        { scope: 'mount', value: 'runware', retentionDays: 10 },
        { scope: 'subject', value: 'bob', retentionDays: 1 },
      ];
      await add('asset_1', { created_at: now - 30 * day });
      await add('asset_2', { created_at: now - 29 * day });
      await add('asset_3', { created_at: now - 10 * day, mount: 'runware' });
      await add('asset_4', { created_at: now - 9 * day, mount: 'runware' });
      await add('asset_5', { created_at: now - day, subject: 'bob' });
      await addRun('run_1');
      await addRun('run_2', 'storing');
      await database.queries.updateTable('runs').set({ finished_at: now }).execute();
      const sweep = { policies, now, limit: 10 };

      expect(await endOverdueAssets(database.queries, { ...sweep, limit: 1 })).toBe(3);
      expect(await endOverdueAssets(database.queries, sweep)).toBe(0);
      expect([await find(), await find({ subject: 'bob' })]).toEqual([['asset_4', 'asset_2'], []]);
      expect(await listOverdueRuns(database.queries, { ...sweep, now: now + 30 * day - 1 })).toEqual([]);
      expect(await listOverdueRuns(database.queries, { ...sweep, now: now + 30 * day })).toEqual(['run_1']);
    });

    it('deletes what an ended run keeps, once, and notes that its platform is to be asked', async () => {
      await addRun('run_1');

      const first = await forget('run_1');
      const again = await forget('run_1');

      expect([first, again]).toMatchObject([{ isAsked: true }, { isAsked: true }]);
      const row = await database.queries.selectFrom('runs').selectAll().executeTakeFirstOrThrow();
      expect(row).toMatchObject({
        input: '{}',
        raw: null,
        logs: '[]',
        outputs: '{"stored":[]}',
        payload_deleted_at: now,
      });
      expect(await database.queries.selectFrom('payload_deletions').selectAll().execute()).toHaveLength(1);
      const noted = await database.queries.selectFrom('audit_entries').select(['action', 'actor']).execute();
      expect(noted.filter(({ action }) => action === 'run.payload_deleted')).toHaveLength(1);
    });

    it('leaves a webhook to be sent where one output goes, and nothing to send where all does', async () => {
      await addRun('run_1');
      const delivery = {
        run_id: 'run_1',
        url: 'https://x.example',
        body: '{"run":1}',
        attempts: 0,
        lease_until: null,
      };
      await database.queries
        .insertInto('webhook_deliveries')
        .values({
          ...delivery,
          delivery_id: 'msg_1',
          next_attempt_at: now,
          delivered_at: null,
          last_status: null,
        })
        .execute();
      const read = () =>
        database.queries.selectFrom('webhook_deliveries').select(['body', 'next_attempt_at']).execute();

      await forget('run_1', { isWhole: false });
      const afterOne = await read();
      await forget('run_1');

      expect(afterOne).toEqual([{ body: '{"run":1}', next_attempt_at: now }]);
      expect(await read()).toEqual([{ body: '', next_attempt_at: null }]);
    });

    it('deletes nothing of a run that goes on, or of somebody else’s', async () => {
      await addRun('run_1', 'storing');
      await addRun('run_2');

      expect([
        await forget('run_1'),
        await forget('run_2', { subject: 'bob' }),
        await forget('run_3'),
      ]).toEqual([...['goes_on', undefined, undefined]]);
      const kept = await database.queries.selectFrom('runs').select('input').execute();
      expect(kept).toEqual([{ input: '{"prompt":"x"}' }, { input: '{"prompt":"x"}' }]);
    });

    it('gives what a platform is to delete to one asker at a time, and ends it by that asker’s lease alone', async () => {
      await addRun('run_1');
      await forget('run_1');
      const request = { leaseMs: 1_000, limit: 10 };

      const [one] = await leasePayloadDeletions(database, { ...request, now });
      const none = await leasePayloadDeletions(database, { ...request, now: now + 999 });
      const [two] = await leasePayloadDeletions(database, { ...request, now: now + 1_000 });
      if (one === undefined || two === undefined) throw new Error('nothing was leased');
      await settlePayloadDeletion(database.queries, one, { outcome: 'refused', nextAttemptAt: null });
      await settlePayloadDeletion(database.queries, two, { outcome: 'deleted', nextAttemptAt: null });

      expect(none).toEqual([]);
      expect(await database.queries.selectFrom('payload_deletions').selectAll().execute()).toMatchObject([
        { outcome: 'deleted', attempts: 1, next_attempt_at: null, lease_until: null },
      ]);
    });

    it('lists the webhooks of a subject’s runs by their state and sends one again, unless it is sent or emptied', async () => {
      await addRun('run_1');
      const delivery = {
        run_id: 'run_1',
        url: 'https://x.example',
        body: '{}',
        attempts: 3,
        delivered_at: null,
      };
      const states = { next_attempt_at: null, lease_until: null, last_status: 500 };
      for (const [id, fields] of [
        ['msg_1', {}],
        ['msg_2', { delivered_at: now }],
        ['msg_3', { next_attempt_at: now, lease_until: now + 5 }],
        ['msg_4', { body: '' }],
      ] as const) {
        const row = { ...delivery, ...states, ...fields, delivery_id: id, created_at: now };
        await database.queries.insertInto('webhook_deliveries').values(row).execute();
      }
      const idsOf = async (filter: Omit<Parameters<typeof listDeliveries>[1], 'limit'>) =>
        (await listDeliveries(database.queries, { limit: 10, ...filter })).map(({ delivery_id: id }) => id);
      const replay = (id: string, subject = 'ada') =>
        replayDelivery(database, { id, now, subject, actor: 'ada' });

      expect(await idsOf({ subject: 'ada' })).toEqual(['msg_4', 'msg_3', 'msg_2', 'msg_1']);
      expect(await idsOf({ subject: 'ada', before: { createdAt: now, id: 'msg_2' } })).toEqual(['msg_1']);
      expect([await idsOf({ state: 'delivered' }), await idsOf({ state: 'waiting' })]).toEqual([
        ['msg_2'],
        ['msg_3'],
      ]);
      expect(await idsOf({ subject: 'bob' })).toEqual([]);
      expect([
        await replay('msg_3'),
        await replay('msg_4'),
        await replay('msg_1', 'bob'),
        await replay('msg_1'),
      ]).toEqual([...['busy', 'emptied', undefined, 'replayed']]);
      expect(await idsOf({ state: 'given_up' })).toEqual(['msg_4']);
    });
  });
}

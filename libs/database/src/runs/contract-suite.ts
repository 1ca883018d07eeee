import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeAudit } from '../audit/contract-suite.ts';
import { listPauses, setPause } from '../audit/provider-pauses.ts';
import { readDatabaseTime } from '../clock.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { describeBatches } from './batch-contract-suite.ts';
import { browseRunRows } from './browse-runs.ts';
import { describeBudgets } from './budget-contract-suite.ts';
import { readBudgetStates } from './budgets.ts';
import { describeEventSubscriptions } from './event-subscription-contract-suite.ts';
import { isLedgerGuarded, readBookedRuns } from './ledger.ts';
import { listLateRuns, readSpentBy, usageColumns } from './operations.ts';
import {
  hastenQueuedRuns,
  leaseAbandonedRuns,
  leaseFollowedRuns,
  leaseQueuedRuns,
  listLanes,
  releaseRuns,
  renewLeases,
  requestCancel,
} from './run-leases.ts';
import { describeRunLimits } from './run-limit-contract-suite.ts';
import {
  countRunRows,
  findRun,
  insertRun,
  listRunRows,
  type NewRun,
  readRunEvents,
  readRunStates,
  readStanding,
} from './run-rows.ts';
import { endLeasedRun, endQueuedRun, type RunEnd, writeLeasedRun } from './run-writes.ts';
import { setBudget } from './spending-limits.ts';
import { adoptJob, changeUnanswered, hasJobOfOther, reclaimRun } from './submit-facts.ts';
import { findAnyRun, hastenToldRun, leaseToldRun } from './told-runs.ts';
import { readUsageRows, readUsageTotals, type UsageBucket } from './usage.ts';
import { leaseDueDeliveries, settleDelivery } from './webhook-deliveries.ts';

const now = Date.parse('2031-03-05T10:00:00Z');
const providers = ['scripted'];

/** What the queries of runs, money and webhooks do alike on both databases. `open` answers an empty one. */
export function describeRunQueries(
  name: string,
  open: () => Promise<{ database: Database; remove(): Promise<void> }>,
): void {
  describe(name, () => {
    let database: Database;
    let remove: () => Promise<void>;
    let count = 0;

    beforeEach(async () => {
      ({ database, remove } = await open());
      await database.migrate();
    });
    afterEach(async () => {
      await database.close();
      await remove();
    });

    async function insert(
      changes: Partial<NewRun['row']> = {},
      tags: Record<string, string> = {},
    ): Promise<RunRow> {
      count += 1;
      const row = newRow(`run_${String(count).padStart(4, '0')}`, changes);
      return (await insertRun(database, { row, tags, wantedMicros: 500_000 })).row;
    }

    async function lease(owner: string, changes: { now?: number; limit?: number } = {}): Promise<RunRow[]> {
      const { limit = 100, ...rest } = changes;
      const request = { owner, now, leaseMs: 6_000, ...rest };
      const cursors = providers.map((provider) => ({ provider, after: '' }));
      const lanes = await listLanes(database.queries, { cursors, limit: 100 });
      const picks = lanes.map((lane) => ({ ...lane, limit }));
      return [
        ...(await leaseQueuedRuns(database, { ...request, picks })),
        ...(await follow(owner, { ...rest, limit })),
        ...(await leaseAbandonedRuns(database, { ...request, known: providers, limit })),
      ];
    }

    async function follow(
      owner: string,
      changes: { now?: number; limit?: number; without?: { provider: string; subject: string }[] } = {},
    ): Promise<RunRow[]> {
      const { limit = 100, without = [], ...rest } = changes;
      const picks = providers.map((provider) => ({ provider, limit }));
      return leaseFollowedRuns(database, { owner, now, leaseMs: 6_000, picks, without, ...rest });
    }

    describe('a long queue', () => {
      it('holds up no single run of another tenant, nor one of its own that goes first', async () => {
        const rows = Array.from({ length: 10_000 }, (_, index) => ({
          ...newRow(`run_flood_${index}`, { subject: 'flood', created_at: now - 60_000 + index }),
          ...{ reserved_micros: 0, send_rank: now - 60_000 + index + 600_000 },
        }));
        for (let at = 0; at < rows.length; at += 200)
          await database.queries
            .insertInto('runs')
            .values(rows.slice(at, at + 200))
            .execute();
        const own = await insert({ subject: 'flood', created_at: now });
        const other = await insert({ subject: 'single', created_at: now });
        const cursors = [{ provider: 'scripted', after: '' }];

        const lanes = await listLanes(database.queries, { cursors, limit: 100 });
        const picks = lanes.map((lane) => ({ ...lane, limit: 2 }));
        const leased = await leaseQueuedRuns(database, { owner: 'a', now, leaseMs: 6_000, picks });

        // One look has both lanes, and the runs of a lane by rank: those of low priority after what came meanwhile.
        expect(lanes.map(({ subject }) => subject)).toEqual(['flood', 'single']);
        expect(leased.map(({ run_id: id }) => id).sort()).toEqual(
          [own.run_id, other.run_id, 'run_flood_0'].sort(),
        );
      }, 60_000);

      it('serves low priority before what comes ten minutes later: nobody waits for ever', async () => {
        const low = await insert({ subject: 'ada', created_at: now - 660_000, send_rank: now - 60_000 });
        const later = await insert({ subject: 'ada', created_at: now });
        const pick = { provider: 'scripted', subject: 'ada', limit: 1 };
        const take = () => leaseQueuedRuns(database, { owner: 'a', now, leaseMs: 6_000, picks: [pick] });

        const order = [await take(), await take()].flat().map(({ run_id: id }) => id);

        expect(order).toEqual([low.run_id, later.run_id]);
      });

      it('has no lane for runs that only wait for their turn in a batch', async () => {
        await insert({ next_poll_at: null, batch_id: 'batch_1', batch_index: 0 });
        const cursors = [{ provider: 'scripted', after: '' }];

        expect(await listLanes(database.queries, { cursors, limit: 100 })).toEqual([]);
        expect(await lease('a')).toEqual([]);
      });
    });

    describe('an insert', () => {
      it('answers the run that has the key already', async () => {
        const first = await insert({ idempotency_key: 'ref:a' });
        const row = newRow('run_other', { idempotency_key: 'ref:a' });

        const again = await insertRun(database, { row, tags: {}, wantedMicros: 500_000 });

        expect(again).toMatchObject({ isNew: false, row: { run_id: first.run_id } });
      });

      it('makes one run of thirty that come at once with one key, and reserves once', async () => {
        await setBudget(database.queries, { ...budget, limitMicros: 500_000 });

        const inserted = await Promise.all(
          Array.from({ length: 30 }, (_, index) =>
            insertRun(database, {
              row: newRow(`run_race${index}`, { idempotency_key: 'ref:a' }),
              tags: { team: 'a' },
              wantedMicros: 500_000,
            }),
          ),
        );

        expect(inserted.filter(({ isNew }) => isNew)).toHaveLength(1);
        expect(new Set(inserted.map(({ row }) => row.run_id)).size).toBe(1);
      });

      it('of a subject without a budget is the same in one statement, where the database can', async () => {
        const row = newRow('run_quick', { idempotency_key: 'ref:quick' });
        const tags = { team: 'a', "o'ther": 'ß 😀' };
        let statements = 0;
        const counted = countStatements(database, () => {
          statements += 1;
        });

        const first = await insertRun(counted, { row, tags, wantedMicros: 500_000, isUnbound: true });
        const counts = statements;
        const again = await insertRun(database, {
          ...{ row: { ...row, run_id: 'run_again' }, tags, wantedMicros: 500_000, isUnbound: true },
        });

        expect(first).toMatchObject({ isNew: true, row: { run_id: 'run_quick', reserved_micros: 500_000 } });
        expect(again).toMatchObject({ isNew: false, row: { run_id: 'run_quick' } });
        if (database.dialect === 'postgres') expect(counts).toBe(1);
        expect(await readRunEvents(database.queries, 'run_quick')).toMatchObject([
          { seq: 1, at: now, status: 'queued', note: 'accepted' },
        ]);
        const { queries } = database;
        const tagRows = await queries.selectFrom('run_tags').selectAll().orderBy('name').execute();
        expect(tagRows.map(({ name, value }) => [name, value])).toEqual([
          ["o'ther", 'ß 😀'],
          ['team', 'a'],
        ]);
        expect(await queries.selectFrom('ledger').selectAll().execute()).toMatchObject([
          {
            entry_id: 'run_quick:reserve',
            run_id: 'run_quick',
            kind: 'reserve',
            amount_micros: 500_000,
            at: now,
          },
        ]);
      });

      it('is held by a budget that was set a moment ago', async () => {
        await setBudget(database.queries, { ...budget, limitMicros: 100_000 });
        const row = newRow('run_quick', {});

        const inserted = insertRun(database, { row, tags: {}, wantedMicros: 500_000, isUnbound: true });

        await expect(inserted).rejects.toMatchObject({ code: 'budget_exceeded' });
      });

      it('tells before how much a subject has under way, up to a bound, whether a budget holds it, and whether a key is used', async () => {
        const { idempotency_key: idempotencyKey } = await insert({ subject: 'ada' });
        await insert({ subject: 'ada', phase: 'running', status: 'running' });
        await insert({ subject: 'ada', phase: 'done', status: 'failed' });
        await insert({ subject: 'bob' });
        const standing = (subject: string, atMost = 10, key?: string) =>
          readStanding(database.queries, { subject, atMost, ...(key !== undefined && { key }) });

        expect(await standing('ada')).toEqual({ openRuns: 2, isBound: false });
        expect(await standing('ada', 1)).toEqual({ openRuns: 1, isBound: false });
        await setBudget(database.queries, { ...budget, subject: 'bob', limitMicros: 1 });
        expect(await standing('bob')).toEqual({ openRuns: 1, isBound: true });
        expect(await standing('ada')).toMatchObject({ isBound: false });
        expect(await standing('ada', 10, idempotencyKey)).toEqual({
          ...{ openRuns: 2, isBound: false, isKeyUsed: true },
        });
        expect(await standing('bob', 10, idempotencyKey)).not.toHaveProperty('isKeyUsed');
      });

      it('never sells a budget twice', async () => {
        await setBudget(database.queries, { ...budget, limitMicros: 2_200_000 });

        const inserted = await Promise.allSettled(Array.from({ length: 30 }, () => insert()));

        expect(inserted.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
        const [state] = await readBudgetStates(database.queries, 'alice', now);
        expect(state).toMatchObject({ heldMicros: 2_000_000, spentMicros: 0 });
      });
    });

    describeBudgets({ database: () => database, newRow, now });
    describeBatches({ database: () => database, newRow, now });
    describeAudit({ database: () => database, insert: () => insert() });
    describeEventSubscriptions({ database: () => database, now });
    describeRunLimits({ database: () => database, insert, now });

    it('of a paused platform are in no lane until it goes on', async () => {
      await insert();
      const pause = { mode: 'pause', reason: 'away', at: now } as const;
      await setPause(database.queries, { provider: 'scripted', pause });
      expect(await lease('one')).toEqual([]);
      await setPause(database.queries, { provider: 'scripted', pause: { ...pause, mode: 'drain' } });
      expect(await lease('one')).toHaveLength(1);
      expect(await listPauses(database.queries)).toMatchObject([{ provider: 'scripted', mode: 'drain' }]);
      await setPause(database.queries, { provider: 'scripted', pause: undefined });
      expect(await listPauses(database.queries)).toEqual([]);
    });

    it('sums what was charged to everybody by whatever is asked for', async () => {
      for (const [subject, team] of [
        ['alice', 'a'],
        ['bob', 'a'],
        ['bob', 'b'],
      ] as const) {
        const { run_id: runId } = await insert({ subject, client: 'cursor', mount: 'inferry' }, { team });
        await endQueuedRun(database, { runId, subject }, { ...end, status: 'failed' });
      }
      const within = { since: now - 1, until: now + 1 };

      const all = await readSpentBy(database, { ...within, by: [...usageColumns, 'tag:team'] });
      const byTag = await readSpentBy(database, { ...within, by: ['tag:team', 'tag:none'] });

      const by = { day: '2031-03-05', month: '2031-03', client: 'cursor', mount: 'inferry' };
      expect(all).toHaveLength(3);
      expect(all[0]?.by).toEqual({
        ...by,
        ...{ subject: 'alice', provider: 'scripted', model: 'scripted/model', 'tag:team': 'a' },
      });
      expect(byTag).toMatchObject([
        { by: { 'tag:team': 'a', 'tag:none': '' }, runs: 2, chargedMicros: 140_000, unknownRuns: 0 },
        { by: { 'tag:team': 'b' }, runs: 1, chargedMicros: 70_000 },
      ]);
    });

    describe('a lease', () => {
      it('is given to one of many that ask at once', async () => {
        for (let index = 0; index < 50; index++) await insert();

        const leased = await Promise.all(
          Array.from({ length: 10 }, (_, index) => lease(`r${index}`, { limit: 20 })),
        );

        const ids = leased.flat().map(({ run_id: runId }) => runId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length + (await lease('last')).length).toBe(50);
      });

      it('is given again when it has run out, and not before', async () => {
        const { run_id: runId } = await insert();
        await lease('one');

        expect(await lease('two', { now: now + 5_999 })).toEqual([]);
        expect(await lease('two', { now: now + 6_000 })).toMatchObject([
          { run_id: runId, lease_owner: 'two' },
        ]);
      });

      it('is renewed by its owner alone, and tells of a wish to cancel', async () => {
        const { run_id: runId } = await insert();
        await lease('one');
        await requestCancel(database.queries, { runId, subject: 'alice', at: now });

        const request = { runIds: [runId], until: now + 9_000 };

        expect(await renewLeases(database.queries, { owner: 'two', ...request })).toEqual([]);
        expect(await renewLeases(database.queries, { owner: 'one', ...request })).toEqual([
          { run_id: runId, cancel_requested_at: now },
        ]);
      });

      it('covers due runs of known providers, and any past its deadline', async () => {
        await insert({ provider: 'other' });
        const late = await insert({ provider: 'other', deadline_at: now });
        await insert({ next_poll_at: now + 1 });
        const due = await insert();

        expect((await lease('one')).map(({ run_id: runId }) => runId).sort()).toEqual([
          late.run_id,
          due.run_id,
        ]);
      });
    });

    describe('lanes', () => {
      const cursors = [
        { provider: 'one', after: '' },
        { provider: 'two', after: '' },
      ];
      const lanes = (limit = 100, from = cursors) =>
        listLanes(database.queries, { cursors: from, limit }).then((found) =>
          found.map(({ provider, subject }) => `${provider}/${subject}`).sort(),
        );

      beforeEach(async () => {
        for (const subject of ['ada', 'bob', 'eve']) {
          for (const provider of ['one', 'two']) {
            for (let index = 0; index < 3; index += 1) {
              await insert({ subject, provider, next_poll_at: now - 10 + index });
            }
          }
        }
      });

      it('are listed once each, from where the list before ended, some of every platform', async () => {
        await insert({ subject: 'zoe', provider: 'one', phase: 'running', status: 'running' });

        expect(await lanes()).toEqual(['one/ada', 'one/bob', 'one/eve', 'two/ada', 'two/bob', 'two/eve']);
        expect(await lanes(2)).toEqual(['one/ada', 'two/ada']);
        expect(await lanes(100, [{ provider: 'two', after: 'bob' }])).toEqual(['two/eve']);
        expect(await lanes(100, [])).toEqual([]);
      });

      it('give as many runs as are asked of each, the longest due first', async () => {
        const request = { owner: 'r', now, leaseMs: 6_000 };
        const picks = [
          { provider: 'one', subject: 'ada', limit: 2 },
          { provider: 'two', subject: 'eve', limit: 1 },
          { provider: 'two', subject: 'nobody', limit: 9 },
        ];

        const first = await leaseQueuedRuns(database, { ...request, picks });
        const second = await leaseQueuedRuns(database, { ...request, picks });

        expect(
          first
            .map((row) => [row.provider, row.subject, row.next_poll_at, row.lease_owner, row.version])
            .sort(),
        ).toEqual([
          ['one', 'ada', now - 10, 'r', 2],
          ['one', 'ada', now - 9, 'r', 2],
          ['two', 'eve', now - 10, 'r', 2],
        ]);
        expect(second.map((row) => [row.provider, row.subject, row.next_poll_at]).sort()).toEqual([
          ['one', 'ada', now - 8],
          ['two', 'eve', now - 9],
        ]);
      });

      it('of runs that are followed are one for each platform, and leave out whoever has enough', async () => {
        const running = { provider: 'scripted', phase: 'running', status: 'running' };
        for (const at of [3, 1, 2]) await insert({ ...running, subject: 'ada', next_poll_at: now - at });
        const bob = await insert({ ...running, subject: 'bob', next_poll_at: now });
        await insert({ ...running, subject: 'bob', next_poll_at: now + 1 });

        const first = await follow('r', { limit: 1 });
        const others = await follow('r', { without: [{ provider: 'scripted', subject: 'ada' }] });
        const rest = await follow('r', { without: [{ provider: 'other', subject: 'ada' }] });

        expect(first.map((row) => row.next_poll_at)).toEqual([now - 3]);
        expect(others.map((row) => row.run_id)).toEqual([bob.run_id]);
        expect(rest.map((row) => row.next_poll_at).sort()).toEqual([now - 2, now - 1]);
      });
    });

    describe('a release of many', () => {
      it('makes them due at their times, and only those that are still held as they were', async () => {
        const ids = [];
        for (let index = 0; index < 3; index += 1) ids.push((await insert()).run_id);
        const [first = '', second = '', third = ''] = ids;
        await lease('one');

        const released = await releaseRuns(database, 'one', [
          { runId: first, version: 2, at: now + 70_000 },
          { runId: second, version: 1, at: now + 1 },
          { runId: 'run_unknown', version: 2, at: now + 1 },
        ]);
        const byOther = await releaseRuns(database, 'two', [{ runId: third, version: 2, at: now }]);

        expect([...released]).toEqual([first]);
        expect(byOther.size).toBe(0);
        expect(await findRun(database.queries, { subject: 'alice', runId: first })).toMatchObject({
          next_poll_at: now + 70_000,
          lease_owner: null,
          lease_until: null,
          version: 3,
        });
      });
    });

    describe('a write', () => {
      it('is refused to another owner, to an older version, and after the lease was taken', async () => {
        const { run_id: runId } = await insert();
        const [first] = await lease('one');
        const version = first?.version ?? 0;
        const write = { patch: { progress: 0.5 }, event: { at: now, note: 'x' } };
        const attempt = (owner: string, at: number) =>
          writeLeasedRun(database, { runId, owner, version: at }, write);

        expect(await attempt('two', version)).toBeUndefined();
        expect(await attempt('one', version - 1)).toBeUndefined();
        await lease('one', { now: now + 6_000 });
        expect(await attempt('one', version)).toBeUndefined();
        expect(await attempt('one', version + 1)).toMatchObject({ progress: 0.5, version: version + 2 });
        expect(await readRunEvents(database.queries, runId)).toMatchObject([
          { seq: 1, note: 'accepted' },
          { seq: version + 2, at: now, status: 'queued', note: 'x' },
        ]);
      });

      it('is one statement with its event, and an end with what it books, where the database can', async () => {
        await insert();
        const [row] = await lease('one');
        const held = { runId: row?.run_id ?? '', owner: 'one', version: row?.version ?? 0 };
        const counts: number[] = [];
        const counted = countStatements(database, () => counts.push(counts.length));

        await writeLeasedRun(counted, held, { patch: { progress: 0.5 }, event: { at: now, note: 'x' } });
        const written = counts.length;
        await endLeasedRun(counted, { ...held, version: held.version + 1 }, { ...end, delivery: undefined });

        if (database.dialect === 'postgres') expect([written, counts.length]).toEqual([1, 2]);
        expect(await readRunEvents(database.queries, held.runId)).toHaveLength(3);
      });

      it.each<[string, Partial<RunEnd>, [string, number, string, string][]]>([
        ['with nothing to charge', { chargeMicros: undefined }, []],
        ['at no price', { chargeMicros: 0 }, [['charge', 0, 'USD', 'known']]],
        [
          'in another currency, as is assumed',
          { chargeMicros: 30_000, chargeCurrency: 'EUR', certainty: 'assumed' },
          [['charge', 30_000, 'EUR', 'assumed']],
        ],
      ])('ends a run that nobody is told of by webhook %s', async (_how, changes, charges) => {
        const { run_id: runId } = await insert({ client: 'Claude', mount: '/mcp' });
        const [row] = await lease('one');
        const held = { runId, owner: 'one', version: row?.version ?? 0 };
        const silent = { ...end, delivery: undefined, patch: { progress: 1 }, ...changes };

        const stale = await endLeasedRun(database, { ...held, version: held.version - 1 }, silent);
        const ended = await endLeasedRun(database, held, silent);
        const again = await endLeasedRun(database, held, silent);

        expect([stale, again]).toEqual([undefined, undefined]);
        expect(ended).toMatchObject({ status: 'succeeded', phase: 'done', progress: 1, lease_owner: null });
        const entries = await database.queries.selectFrom('ledger').selectAll().orderBy('kind').execute();
        const of = ({ kind, amount_micros: micros, currency, certainty }: (typeof entries)[number]) => [
          ...[kind, micros, currency, certainty],
        ];
        expect(entries.map(of)).toEqual([
          ...charges,
          ['release', -500_000, 'USD', 'known'],
          ['reserve', 500_000, 'USD', 'known'],
        ]);
        expect(entries.map(({ entry_id: id }) => id)).toEqual(entries.map(({ kind }) => `${runId}:${kind}`));
        expect(new Set(entries.map(({ client, mount, at }) => `${client} ${mount} ${at}`)).size).toBe(1);
        expect((await readRunEvents(database.queries, runId)).at(-1)).toMatchObject({
          ...{ seq: held.version + 1, at: now, status: 'succeeded', note: 'done' },
        });
      });

      it('ends a run with charge, release, event and webhook, and only once', async () => {
        const { run_id: runId } = await insert();
        const [row] = await lease('one');
        const held = { runId, owner: 'one', version: row?.version ?? 0 };

        const ended = await endLeasedRun(database, held, end);
        const again = await endLeasedRun(database, held, end);

        expect(ended).toMatchObject({
          status: 'succeeded',
          phase: 'done',
          lease_owner: null,
          next_poll_at: null,
        });
        expect(again).toBeUndefined();
        const kinds = await database.queries.selectFrom('ledger').select(['kind', 'amount_micros']).execute();
        expect(kinds.map(({ kind, amount_micros: micros }) => [kind, micros]).sort()).toEqual([
          ['charge', 70_000],
          ['release', -500_000],
          ['reserve', 500_000],
        ]);
        expect(await leaseDueDeliveries(database, { now, leaseMs: 1_000, limit: 10 })).toHaveLength(1);
      });

      it('that cancels a queued run takes it from whoever is about to send it', async () => {
        const { run_id: runId } = await insert();
        const [row] = await lease('one');

        expect(
          await endQueuedRun(database, { runId, subject: 'bob' }, { ...end, status: 'cancelled' }),
        ).toBeUndefined();
        expect(
          await endQueuedRun(database, { runId, subject: 'alice' }, { ...end, status: 'cancelled' }),
        ).toBeDefined();
        const held = { runId, owner: 'one', version: row?.version ?? 0 };
        expect(await writeLeasedRun(database, held, { patch: { phase: 'submitting' } })).toBeUndefined();
      });

      it('hastens the run that waits longest for a place', async () => {
        const later = await insert({ next_poll_at: now + 9_000, created_at: now - 2 });
        await insert({ next_poll_at: now + 5_000, created_at: now - 1 });

        await hastenQueuedRuns(database.queries, { provider: 'scripted', now, limit: 1 });

        expect((await lease('one')).map(({ run_id: runId }) => runId)).toEqual([later.run_id]);
      });
    });

    describe('a read', () => {
      it('finds a run of its subject only', async () => {
        const { run_id: runId } = await insert({ idempotency_key: 'ref:a' });

        expect(await findRun(database.queries, { subject: 'alice', clientRef: 'a' })).toMatchObject({
          run_id: runId,
        });
        expect(await findRun(database.queries, { subject: 'bob', runId })).toBeUndefined();
        expect(await readRunStates(database.queries, [runId, 'run_none'])).toMatchObject([{ run_id: runId }]);
      });

      it('lists by tags and place', async () => {
        const wanted = await insert({}, { team: 'a', env: 'dev' });
        await insert({}, { team: 'a' });
        const filter = { subject: 'alice', limit: 10 };

        const tagged = await listRunRows(database.queries, { ...filter, tags: { team: 'a', env: 'dev' } });
        const before = { createdAt: now, runId: wanted.run_id };
        const older = await listRunRows(database.queries, { ...filter, tags: {}, before });

        expect(tagged.map(({ run_id: runId }) => runId)).toEqual([wanted.run_id]);
        expect(older).toEqual([]);
      });

      it('lists by words that a platform has for more than one status, page by page', async () => {
        const rows = [
          { status: 'succeeded', upstream_status: 'COMPLETED' },
          { status: 'failed', upstream_status: 'COMPLETED' },
          { status: 'failed', upstream_status: 'FAILED' },
          { status: 'failed', upstream_status: null },
          { status: 'expired', upstream_status: 'COMPLETED' },
        ] as const;
        const ids: string[] = [];
        for (const [at, row] of rows.entries())
          ids.push((await insert({ ...row, created_at: now - at, subject: 'carol' })).run_id);
        const filter = { subject: 'carol', tags: {} };
        const completed = [{ status: 'succeeded' }, { status: 'failed', upstream: 'COMPLETED' }];
        const failed = [{ status: 'failed', isNot: 'COMPLETED' }, { status: 'expired' }];
        const list = async (anyOf: typeof failed, offset: number) =>
          (await listRunRows(database.queries, { ...filter, anyOf, offset, limit: 2 })).map(
            (row) => row.run_id,
          );

        expect(await list(completed, 0)).toEqual([ids[0], ids[1]]);
        expect(await list(failed, 0)).toEqual([ids[2], ids[3]]);
        expect(await list(failed, 2)).toEqual([ids[4]]);
        expect(await list(failed, 4)).toEqual([]);
        expect(await countRunRows(database.queries, { ...filter, anyOf: failed }, 10)).toBe(3);
        expect(await countRunRows(database.queries, { ...filter, anyOf: [] }, 10)).toBe(0);
      });

      it.each<[UsageBucket, string]>([
        ['hour', '2031-03-05T10:00:00.000Z'],
        ['day', '2031-03-05T00:00:00.000Z'],
        ['week', '2031-03-03T00:00:00.000Z'],
        ['month', '2031-03-01T00:00:00.000Z'],
        ['year', '2031-01-01T00:00:00.000Z'],
      ])('sums what was charged by %s', async (bucket, start) => {
        for (let index = 0; index < 2; index++) await insert();
        for (const { run_id: runId, version } of await lease('one')) {
          await endLeasedRun(database, { runId, owner: 'one', version }, end);
        }
        const request = { subject: 'alice', bucket, limit: 10, offset: 0 };

        const total = { currency: 'USD', runs: 2, chargedMicros: 140_000 };
        expect(await readUsageRows(database, request)).toEqual([
          { ...total, provider: 'scripted', start: Date.parse(start) },
        ]);
        expect(await readUsageTotals(database, request)).toEqual([total]);
      });
    });

    describe('a run that its provider tells of', () => {
      const told = (runId: string, owner: string) => ({ runId, owner, now, leaseMs: 6_000 });
      const later = { phase: 'running', next_poll_at: now + 60_000 };

      it('is found whoever owns it', async () => {
        const { run_id: runId } = await insert({ subject: 'bob' });

        expect(await findAnyRun(database.queries, runId)).toMatchObject({ subject: 'bob' });
        expect(await findAnyRun(database.queries, 'run_none')).toBeUndefined();
      });

      it('is leased once, due or not, and only while a submit is out', async () => {
        const { run_id: runId } = await insert(later);
        const queued = await insert({ phase: 'queued' });

        const leased = await Promise.all(
          ['one', 'two', 'three'].map((owner) => leaseToldRun(database.queries, told(runId, owner))),
        );

        expect(leased.filter((row) => row !== undefined)).toMatchObject([{ next_poll_at: now }]);
        expect(await leaseToldRun(database.queries, told(queued.run_id, 'one'))).toBeUndefined();
      });

      it('is made due without taking it from whoever holds it', async () => {
        const { run_id: runId, version } = await insert(later);

        await hastenToldRun(database.queries, { runId, now });

        expect(await findAnyRun(database.queries, runId)).toMatchObject({ next_poll_at: now, version });
      });
    });

    it('is looked through by state, model and words, a bounded part for each page', async () => {
      const inputs = ['{"prompt":"A Fox in its \\"den\\""}', '{"prompt":"100 % owl"}', '{"prompt":"a_c"}'];
      const ids: string[] = [];
      for (const [at, input] of inputs.entries())
        ids.push((await insert({ input, created_at: now - Math.floor(at / 2), subject: 'carol' })).run_id);
      await insert({ subject: 'dora' });
      const look = async (filter: Partial<Parameters<typeof browseRunRows>[1]> = {}) => {
        const wanted = { subject: 'carol', limit: 10, searched: 10, ...filter };
        const { rows, lookedUntil } = await browseRunRows(database.queries, wanted);
        return [rows.map(({ run_id: id }) => ids.indexOf(id)), lookedUntil];
      };
      const place = { createdAt: now, runId: ids[0] };

      expect(await look()).toEqual([[1, 0, 2], undefined]);
      expect(await look({ limit: 1 })).toEqual([[1, 0], undefined]);
      expect(await look({ text: 'fox in its "DEN' })).toEqual([[0], undefined]);
      expect(await look({ text: '0 %' })).toEqual([[1], undefined]);
      expect(await look({ text: 'a_c' })).toEqual([[2], undefined]);
      expect(await look({ text: 'SCRIPTED' })).toEqual([[1, 0, 2], undefined]);
      expect(await look({ statuses: ['failed'], model: 'scripted/model' })).toEqual([[], undefined]);
      expect(await look({ text: 'a_c', searched: 2 })).toEqual([[], place]);
      expect(
        await look({ text: 'a_c', searched: 2, before: { createdAt: now, runId: ids[0] ?? '' } }),
      ).toEqual([[2], undefined]);
    });

    it('is late when it is due and nobody has taken it', async () => {
      await insert({ next_poll_at: now - 60_000 });
      await insert({ next_poll_at: now - 5_000 });
      await insert({ next_poll_at: now - 500 });
      await insert({ next_poll_at: now - 90_000, lease_owner: 'one', lease_until: now + 1_000 });

      expect(await listLateRuns(database.queries, { dueBefore: now - 2_000, now })).toEqual([
        { provider: 'scripted', count: 2, dueAt: now - 60_000 },
      ]);
    });

    it('counts a list up to a bound', async () => {
      for (const team of ['a', 'a', 'b']) await insert({}, { team });
      const all = { subject: 'alice', tags: {} };

      expect(await countRunRows(database.queries, all, 3)).toBe(3);
      expect(await countRunRows(database.queries, { ...all, tags: { team: 'a' } }, 3)).toBe(2);
      expect(await countRunRows(database.queries, all, 2)).toBeUndefined();
    });

    it('settles a webhook by the lease it was sent under alone', async () => {
      const { run_id: runId } = await insert();
      const [row] = await lease('one');
      await endLeasedRun(database, { runId, owner: 'one', version: row?.version ?? 0 }, end);
      const [stale] = await leaseDueDeliveries(database, { now, leaseMs: 1_000, limit: 10 });
      const [current] = await leaseDueDeliveries(database, { now: now + 1_000, leaseMs: 1_000, limit: 10 });
      if (stale === undefined || current === undefined) throw new Error('nothing was leased');
      const sent = { at: now, status: 204, problem: null, deliveredAt: now, nextAttemptAt: null };

      await settleDelivery(database.queries, stale, { ...sent, status: 500 });
      await settleDelivery(database.queries, current, sent);

      const [delivery] = await database.queries.selectFrom('webhook_deliveries').selectAll().execute();
      expect(delivery).toMatchObject({ attempts: 1, last_status: 204 });
    });

    describe('what is known of a submit', () => {
      const job = {
        submittedAt: now,
        handle: '{"id":"job-1"}',
        upstreamId: 'job-1',
        isQueued: false,
        at: now + 10,
        note: 'its job was told of',
      };

      async function submitting(): Promise<RunRow> {
        await insert();
        const [row] = await lease('one');
        if (row === undefined) throw new Error('nothing was leased');
        const by = { runId: row.run_id, owner: 'one', version: row.version };
        const sent = await writeLeasedRun(database, by, {
          patch: { phase: 'submitting', submitted_at: now },
        });
        if (sent === undefined) throw new Error('the lease was lost');
        return sent;
      }

      it('reaches the row although another holds it, who loses it by that', async () => {
        const { run_id: runId } = await submitting();
        const [held] = await lease('two', { now: now + 6_000 });

        const adoption = await adoptJob(database, { ...job, runId });

        expect(adoption).toMatchObject({
          outcome: 'adopted',
          row: { phase: 'running', status: 'running', handle: job.handle, upstream_id: 'job-1' },
        });
        const by = { runId, owner: 'two', version: held?.version ?? 0 };
        expect(await writeLeasedRun(database, by, { patch: { phase: 'queued' } })).toBeUndefined();
        expect((await readRunEvents(database.queries, runId)).at(-1)?.note).toBe(job.note);
      });

      it('is known the second time, and tells of two jobs', async () => {
        const { run_id: runId } = await submitting();
        await adoptJob(database, { ...job, runId });

        expect((await adoptJob(database, { ...job, runId })).outcome).toBe('known');
        expect((await adoptJob(database, { ...job, runId, handle: '{"id":"job-2"}' })).outcome).toBe(
          'another',
        );
        expect((await adoptJob(database, { ...job, runId: 'run_none' })).outcome).toBe('gone');
        const of = { provider: 'scripted', upstreamId: 'job-1' };
        expect(await hasJobOfOther(database.queries, { ...of, runId })).toBe(false);
        expect(await hasJobOfOther(database.queries, { ...of, runId: 'run_other' })).toBe(true);
      });

      it.each([
        ['and told of again', end.delivery],
        ['and nobody is told', undefined],
      ])(
        'takes back that the run was given up, with its charge; it is settled once by its real end, %s',
        async (_told, delivery) => {
          await setBudget(database.queries, { ...budget, limitMicros: 1_000_000 });
          const row = await submitting();
          const { run_id: runId } = row;
          const by = (version: number, owner = 'one') => ({ runId, owner, version });
          const givenUp = { ...end, status: 'failed', chargeMicros: 500_000 } as const;
          await endLeasedRun(database, by(row.version), {
            ...givenUp,
            patch: { charged_micros: null, error: '{"code":"submit_unknown"}' },
          });
          const states = () => readBudgetStates(database.queries, 'alice', now);
          expect(await states()).toMatchObject([{ spentMicros: 500_000, heldMicros: 0 }]);

          const adoption = await adoptJob(database, { ...job, runId });
          expect(adoption).toMatchObject({ outcome: 'adopted', row: { error: null, finished_at: null } });
          expect(await states()).toMatchObject([{ spentMicros: 0, heldMicros: 500_000 }]);

          const [again] = await lease('two', { now: now + 20 });
          await endLeasedRun(database, by(again?.version ?? 0, 'two'), { ...end, delivery });

          expect(await states()).toMatchObject([{ spentMicros: 70_000, heldMicros: 0 }]);
          const told = await database.queries.selectFrom('webhook_deliveries').selectAll().execute();
          expect(told.map(({ delivery_id: id, next_attempt_at: at }) => [id, at])).toEqual([
            [`msg_${runId}`, null],
            ...(delivery === undefined ? [] : [[`msg_${runId}.2`, now]]),
          ]);
          const entries = await database.queries
            .selectFrom('ledger')
            .selectAll()
            .orderBy('entry_id')
            .execute();
          expect(entries.map(({ entry_id: id, amount_micros: micros }) => [id, micros])).toEqual([
            [`${runId}:charge`, 500_000],
            [`${runId}:charge#1`, 70_000],
            [`${runId}:charge:back`, -500_000],
            [`${runId}:release`, -500_000],
            [`${runId}:release#1`, -500_000],
            [`${runId}:release:back`, 500_000],
            [`${runId}:reserve`, 500_000],
          ]);
          expect(await readBookedRuns(database, { after: '', limit: 10 })).toMatchObject([
            {
              runId,
              sums: [{ currency: 'USD', heldMicros: 0, chargedMicros: 70_000, charges: 1 }],
            },
          ]);
        },
      );

      it('does not bring back a run that was refused', async () => {
        const row = await submitting();
        const by = { runId: row.run_id, owner: 'one', version: row.version };
        const refusal = { error: '{"code":"validation_failed"}' };
        await endLeasedRun(database, by, { ...end, status: 'failed', patch: refusal });

        expect((await adoptJob(database, { ...job, runId: row.run_id })).outcome).toBe('gone');
      });

      it('changes a submit without an answer, and nothing that is over', async () => {
        const { run_id: runId } = await submitting();
        const back = { patch: { phase: 'queued', submitted_at: null } };

        expect(await changeUnanswered(database, runId, () => undefined)).toBeUndefined();
        expect(await changeUnanswered(database, runId, () => back)).toMatchObject({
          phase: 'queued',
          lease_owner: null,
        });
        expect(await changeUnanswered(database, runId, () => back)).toBeUndefined();
      });

      it('is taken back by the process that alone can follow its job', async () => {
        const { run_id: runId } = await submitting();
        const { handle } = job;
        await adoptJob(database, { ...job, runId });
        const mine = { runId, handle, owner: 'one', now: now + 30, leaseMs: 6_000 };

        expect(await reclaimRun(database, { ...mine, handle: '{"id":"job-2"}' })).toBe('over');
        expect(await reclaimRun(database, mine)).toMatchObject({ lease_owner: 'one', phase: 'running' });
        expect(await reclaimRun(database, { ...mine, owner: 'two' })).toBe('held');
      });
    });

    describe('the ledger', () => {
      it('is only added to, whoever tries', async () => {
        await insert();
        const { queries } = database;

        await expect(queries.updateTable('ledger').set({ amount_micros: 1 }).execute()).rejects.toThrow(
          /only added/,
        );
        await expect(queries.deleteFrom('ledger').execute()).rejects.toThrow(/only added/);

        expect(await isLedgerGuarded(database)).toBe(true);
        expect(await queries.selectFrom('ledger').select('amount_micros').execute()).toEqual([
          { amount_micros: 500_000 },
        ]);
      });

      it('is read with its runs a page at a time, those without a row among them', async () => {
        const ids: string[] = [];
        for (let index = 0; index < 5; index += 1) ids.push((await insert()).run_id);
        const [gone = ''] = ids.splice(1, 1);
        await database.queries.deleteFrom('runs').where('run_id', '=', gone).execute();

        const read: string[] = [];
        for (let after = ''; ; ) {
          const page = await readBookedRuns(database, { after, limit: 2 });
          read.push(...page.map(({ runId, row }) => (row === undefined ? `${runId} is gone` : runId)));
          after = page.at(-1)?.runId ?? '';
          if (page.length < 2) break;
        }

        expect(read.sort()).toEqual([...ids, `${gone} is gone`].sort());
      });
    });

    it('has one time for everybody', async () => {
      const before = Date.now();
      expect(await readDatabaseTime(database)).toBeGreaterThanOrEqual(before - 5);
      expect(await readDatabaseTime(database)).toBeLessThanOrEqual(Date.now() + 5);
    });
  });
}

const budget = { subject: 'alice', period: 'day', currency: 'USD' } as const;

const end: RunEnd = {
  status: 'succeeded',
  at: now,
  note: 'done',
  patch: {},
  chargeMicros: 70_000,
  delivery: ({ run_id: runId }) => ({
    delivery_id: `msg_${runId}`,
    url: 'https://example.com',
    body: '{}',
    attempts: 0,
    next_attempt_at: now,
    lease_until: null,
    delivered_at: null,
    last_status: null,
  }),
};

function newRow(runId: string, changes: Partial<NewRun['row']>): NewRun['row'] {
  return {
    run_id: runId,
    subject: 'alice',
    grant_id: 'key',
    idempotency_key: `call:${runId}`,
    request_hash: '',
    model: 'scripted/model',
    provider: 'scripted',
    native_id: 'model',
    input: '{}',
    file_fields: '{}',
    options: '{}',
    metadata: '{}',
    status: 'queued',
    phase: 'queued',
    version: 1,
    poll_attempts: 0,
    next_poll_at: now,
    created_at: now,
    deadline_at: now + 3_600_000,
    currency: 'USD',
    reserved_micros: 0,
    outputs: '{}',
    logs: '[]',
    ...changes,
  };
}

/** The same database, telling of each statement outside of a transaction. */
function countStatements(database: Database, onStatement: () => void): Database {
  const queries = database.queries.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      onStatement();
      return result;
    },
  });
  return { ...database, queries };
}

/** What both databases do alike with bounds on runs: shared by whoever takes runs, kept in any window, fair to those that wait. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';
import {
  leaseWithinLimits,
  listRunLimits,
  pruneRunLimits,
  type RunLimit,
  readLimitUses,
  readQueuePlace,
  rulesOf,
  setRunLimit,
} from './run-limits.ts';
import type { NewRun } from './run-rows.ts';

interface LimitWorld {
  database(): Database;
  insert(changes?: Partial<NewRun['row']>): Promise<RunRow>;
  now: number;
}

const provider = 'scripted';

/** Takes and changes runs. */
function createTaker({ database, insert, now }: LimitWorld) {
  const take = (
    limits: readonly RunLimit[],
    changes: { at?: number; subjects?: string[]; owner?: string } = {},
  ) => {
    const { at = now, subjects = ['alice', 'bob'], owner = 'a' } = changes;
    const picks = subjects.map((subject) => ({ provider, subject, limit: 20 }));
    return leaseWithinLimits(database(), { owner, now: at, leaseMs: 6_000, picks, limits });
  };
  const many = async (count: number, changes: Partial<NewRun['row']> = {}) => {
    const rows: RunRow[] = [];
    for (let index = 0; index < count; index += 1) rows.push(await insert({ next_poll_at: now, ...changes }));
    return rows;
  };
  const set = (runId: string, changes: Partial<RunRow>) =>
    database().queries.updateTable('runs').set(changes).where('run_id', '=', runId).execute();
  return { take, many, set };
}

const subjectsOf = ({ rows }: { rows: RunRow[] }) => rows.map(({ subject }) => subject).sort();
const sent = { phase: 'running', status: 'running', lease_owner: null, lease_until: null } as const;

export function describeRunLimits(world: LimitWorld): void {
  const { database, insert, now } = world;
  const { take, many, set } = createTaker(world);

  describe('a bound on runs', () => {
    it('is kept as it was set, own before everybody’s, and taken away', async () => {
      const rate = { count: 30, windowMs: 60_000 };
      await setRunLimit(database(), { scope: 'subject', value: '*', atOnce: 4, rate });
      await setRunLimit(database(), { scope: 'subject', value: 'alice', atOnce: 0, open: 10 });
      const limits = await listRunLimits(database().queries);

      expect(limits).toEqual([
        { scope: 'subject', value: '*', atOnce: 4, rate },
        { scope: 'subject', value: 'alice', atOnce: 0, open: 10 },
      ]);
      expect(rulesOf(limits, { scope: 'subject', value: 'alice' })).toEqual({ rate, open: 10 });
      expect(rulesOf(limits, { scope: 'subject', value: 'bob' })).toEqual({ atOnce: 4, rate });
      expect(rulesOf(limits, { scope: 'provider', value: provider })).toEqual({});
      await setRunLimit(database(), { scope: 'subject', value: 'alice' });
      expect(await listRunLimits(database().queries)).toHaveLength(1);
    });

    it('of a tenant counts what is under way, whoever took it, and what is taken and not sent yet', async () => {
      const limits: RunLimit[] = [{ scope: 'subject', value: '*', atOnce: 2 }];
      await many(4);
      await many(1, { subject: 'bob' });
      const first = await take(limits);
      const second = await take(limits, { owner: 'b' });

      expect(subjectsOf(first)).toEqual(['alice', 'alice', 'bob']);
      expect(first.reached).toEqual([{ scope: 'subject', value: 'alice', what: 'at_once' }]);
      expect(second.rows).toEqual([]);
      // One is sent, the other given back; what ends makes room.
      const [one, other] = first.rows.filter(({ subject }) => subject === 'alice');
      await set(one?.run_id ?? '', sent);
      await set(other?.run_id ?? '', { lease_owner: null, lease_until: null, next_poll_at: now + 60_000 });
      expect(subjectsOf(await take(limits))).toEqual(['alice']);
      await set(one?.run_id ?? '', { phase: 'done', status: 'succeeded' });
      expect(subjectsOf(await take(limits))).toEqual(['alice']);
    });

    it('of a platform is shared out to its tenants in turn, and what one cannot use is another’s', async () => {
      await many(5);
      await many(5, { subject: 'bob' });

      expect(subjectsOf(await take([{ scope: 'provider', value: provider, atOnce: 4 }]))).toEqual([
        ...['alice', 'alice', 'bob', 'bob'],
      ]);
      await database()
        .queries.updateTable('runs')
        .set({ ...sent, phase: 'done' })
        .where('lease_owner', '=', 'a')
        .execute();
      await database()
        .queries.updateTable('runs')
        .set({ next_poll_at: now + 60_000 })
        .where('subject', '=', 'alice')
        .execute();
      const rest = await take([{ scope: 'provider', value: provider, atOnce: 3 }]);
      expect(subjectsOf(rest)).toEqual(['bob', 'bob', 'bob']);
    });

    it('allows so many in any window, and says when there is room again', async () => {
      const rate = { count: 2, windowMs: 20_000 };
      const limits: RunLimit[] = [{ scope: 'subject', value: 'alice', rate }];
      for (const { run_id: id } of await many(5)) await set(id, { next_poll_at: now });
      const first = await take(limits);
      const [{ freeAt = 0 } = {}] = first.reached;

      expect(first.rows).toHaveLength(2);
      for (const { run_id: id } of first.rows) await set(id, { ...sent, phase: 'done' });
      expect(first.reached).toMatchObject([{ scope: 'subject', value: 'alice', what: 'rate' }]);
      expect(freeAt).toBeGreaterThanOrEqual(now + rate.windowMs);
      expect(freeAt).toBeLessThanOrEqual(now + rate.windowMs * 1.1);
      expect((await take(limits, { at: freeAt - 1 })).rows).toEqual([]);
      expect((await take(limits, { at: freeAt })).rows).toHaveLength(2);
    });

    it('says where a run stands, and forgets what was not used for long', async () => {
      const limits: RunLimit[] = [{ scope: 'subject', value: '*', atOnce: 1 }];
      await many(3, { created_at: now - 5 });
      const last = await insert({ next_poll_at: now, created_at: now });
      const [taken] = (await take(limits)).rows;
      await set(taken?.run_id ?? '', sent);

      expect(await readQueuePlace(database().queries, last, { limits, now })).toEqual({
        before: 2,
        full: [{ scope: 'subject', value: 'alice', atOnce: 1, rate: undefined, what: 'at_once' }],
      });
      await pruneRunLimits(database().queries, now + 1);
      expect(await database().queries.selectFrom('run_limit_states').selectAll().execute()).toEqual([]);
    });

    it('lets two who take at the same time have no more than one would', async () => {
      const limits: RunLimit[] = [{ scope: 'provider', value: '*', atOnce: 3 }];
      await many(6);
      await many(6, { subject: 'bob' });
      const taken = await Promise.all(['a', 'b', 'c'].map((owner) => take(limits, { owner })));

      expect(taken.flatMap(({ rows }) => rows)).toHaveLength(3);
    });
  });
  describeLimitUses(world);
}

function describeLimitUses(world: LimitWorld): void {
  const { database, now } = world;
  const { take, many, set } = createTaker(world);

  describe('the use of bounds on runs', () => {
    it('says what is used of each rule, whoever has one of their own first, and what those have that one holds', async () => {
      const rate = { count: 3, windowMs: 20_000 };
      const limits: RunLimit[] = [
        { scope: 'provider', value: 'idle', atOnce: 5 },
        { scope: 'subject', value: '*', atOnce: 2, rate },
        { scope: 'subject', value: 'bob', atOnce: 0, open: 9 },
      ];
      await many(4);
      await many(2, { subject: 'bob' });
      const { rows } = await take(limits);
      const [one] = rows.filter(({ subject }) => subject === 'alice');
      await set(one?.run_id ?? '', sent);
      await many(1, { subject: 'carol' });
      await many(2, { subject: 'dave' });

      const uses = await readLimitUses(database().queries, { limits, now, limit: 1 });

      const none = { underWay: 0, sent: 0, waiting: 0, unended: 0, full: undefined };
      expect(uses).toHaveLength(4);
      expect(uses).toEqual(
        expect.arrayContaining([
          { scope: 'provider', value: 'idle', atOnce: 5, ...none },
          {
            ...{ scope: 'subject', value: 'alice', atOnce: 2, rate, underWay: 2, sent: 2 },
            ...{ waiting: 2, unended: 4, full: { scope: 'subject', value: 'alice', what: 'at_once' } },
          },
          {
            ...{ scope: 'subject', value: 'bob', rate, open: 9 },
            ...{ underWay: 0, sent: 2, waiting: 2, unended: 2, full: undefined },
          },
        ]),
      );
      await set(one?.run_id ?? '', { phase: 'done', status: 'succeeded' });
      const later = await readLimitUses(database().queries, { limits, now: now + 6_001, limit: 9 });
      expect(later.find(({ value }) => value === 'alice')).toMatchObject({
        underWay: 0,
        sent: 2,
        waiting: 3,
      });
    });
  });
}

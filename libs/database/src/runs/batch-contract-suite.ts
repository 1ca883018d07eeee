/** What both databases do alike with batches: made once or not at all, never more under way than they may have. */
import type { Insertable } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import type { BatchTable, RunRow } from '../schema.ts';
import {
  advanceBatch,
  type BatchState,
  type BatchStep,
  findBatch,
  insertBatch,
  listBatches,
  listBatchRuns,
  openBatchRuns,
  readBatchState,
  requestBatchCancel,
  takeDueBatches,
} from './batches.ts';
import type { NewRun } from './run-rows.ts';
import { endQueuedRun } from './run-writes.ts';
import { setBudget, setLimit } from './spending-limits.ts';

interface BatchWorld {
  database(): Database;
  newRow(runId: string, changes: Partial<NewRun['row']>): NewRun['row'];
  now: number;
}

/** Makes batches and looks at them. */
function createMaker({ database, newRow, now }: BatchWorld) {
  function insert(
    batchId: string,
    prices: readonly (number | undefined)[],
    { providers, ...changes }: Partial<Insertable<BatchTable>> & { providers?: readonly string[] } = {},
  ) {
    const batch: Insertable<BatchTable> = {
      ...{ batch_id: batchId, subject: 'alice', idempotency_key: `ref:${batchId}`, request_hash: '' },
      ...{ model: 'scripted/model', provider: 'scripted', total: prices.length, concurrency: 3 },
      ...{ currency: 'USD', varied: '[]', created_at: now, next_look_at: now },
      ...changes,
    };
    const runs = prices.map((wantedMicros, index) => {
      const place = { batch_id: batch.batch_id, batch_index: index, next_poll_at: null };
      const row = newRow(`run_${batch.batch_id}_${index}`, {
        ...place,
        provider: providers?.[index] ?? 'scripted',
        estimated_micros: wantedMicros ?? null,
      });
      return { row, wantedMicros };
    });
    const rules = { unpriced: { policy: 'cap', capMicros: 1_000_000 } } as const;
    return insertBatch(database(), {
      batch,
      runs,
      tags: { team: 'a' },
      payer: { subject: 'alice', provider: 'scripted' },
      rules,
    });
  }

  const upTo =
    (most: number) =>
    (_batch: unknown, { underWay }: BatchState): BatchStep =>
      underWay >= most
        ? { kind: 'wait' }
        : { kind: 'release', limit: most - underWay, runs: (waiting: readonly RunRow[]) => waiting };
  const advance = (batchId: string, decide: ReturnType<typeof upTo>) =>
    advanceBatch(database(), batchId, { now: now + 5, rankOf: () => now + 9, decide });

  return { insert, upTo, advance };
}

export function describeBatches(world: BatchWorld): void {
  const { database, now } = world;
  const { insert, upTo, advance } = createMaker(world);

  describe('a batch', () => {
    it('is there with all of its runs, once for its key, at the same instant too', async () => {
      const prices = Array.from({ length: 450 }, () => 1_000);
      const both = await Promise.all([insert('b', prices), insert('b', prices)]);
      const state = await readBatchState(database().queries, { batch_id: 'b', currency: 'USD' });

      expect(both.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
      expect(state).toMatchObject({
        waiting: 450,
        underWay: 0,
        estimatedMicros: 450_000,
        heldMicros: 450_000,
      });
      expect(await findBatch(database().queries, { subject: 'bob', batchId: 'b' })).toBeUndefined();
    });

    it('leaves nothing where a budget does not hold all of it; unknown prices count as the rules say', async () => {
      await setBudget(database().queries, {
        ...{ subject: 'alice', period: 'day', currency: 'USD', limitMicros: 2_500_000 },
      });

      await expect(insert('b', [1_000_000, undefined, undefined])).rejects.toMatchObject({
        code: 'budget_exceeded',
      });
      expect(await findBatch(database().queries, { subject: 'alice', batchId: 'b' })).toBeUndefined();
      await insert('c', [400_000, undefined, undefined]);
      const state = await readBatchState(database().queries, { batch_id: 'c', currency: 'USD' });
      expect(state).toMatchObject({ heldMicros: 2_400_000, estimatedMicros: 400_000 });
    });

    it('is held by the budget of each platform that its runs go to', async () => {
      const span = { span: 'day', timeZone: 'UTC', currency: 'USD' } as const;
      await setLimit(database().queries, { scope: 'provider', value: 'other', ...span, limitMicros: 150 });
      const split = (id: string) =>
        insert(id, [100, 100, 100], { providers: ['scripted', 'other', 'other'] });

      await expect(split('b')).rejects.toMatchObject({ code: 'budget_exceeded' });
      expect(await findBatch(database().queries, { subject: 'alice', batchId: 'b' })).toBeUndefined();
      await setLimit(database().queries, { scope: 'provider', value: 'other', ...span, limitMicros: 200 });
      expect(await split('c')).toMatchObject({ isNew: true });
    });

    it('gives as many their turn as it may, whoever looks at the same moment', async () => {
      await insert('b', [1, 2, 3, 4, 5, 6, 7]);

      const taken = await Promise.all([1, 2, 3, 4].map(() => advance('b', upTo(3))));

      const released = taken.flatMap((one) => one?.released ?? []);
      const open = await openBatchRuns(database().queries, 'b');
      expect(released.map(({ batch_index: index }) => index).sort()).toEqual([0, 1, 2]);
      // Its time begins with its turn, and it stands where it is ranked.
      expect(open[0]).toMatchObject({
        next_poll_at: now + 5,
        send_rank: now + 9,
        deadline_at: now + 5 + 3_600_000,
      });
    });

    it('counts what its runs are, hold and cost, and lists those that failed first', async () => {
      await insert('b', [10, 20, 30]);
      await advance('b', upTo(2));
      const end = { at: now, note: '', patch: {} };
      const ends = [
        { ...end, status: 'succeeded', chargeMicros: 7 },
        { ...end, status: 'failed', chargeMicros: 20, certainty: 'assumed' },
      ] as const;
      for (const [index, each] of ends.entries())
        await endQueuedRun(database(), { runId: `run_b_${index}`, subject: 'alice' }, each);

      const state = await readBatchState(database().queries, { batch_id: 'b', currency: 'USD' });
      const first = await listBatchRuns(database().queries, { batchId: 'b', after: undefined, limit: 2 });
      const last = first.at(-1);
      const after = last && { rank: last.rank, index: last.batch_index ?? 0 };
      const rest = await listBatchRuns(database().queries, { batchId: 'b', after, limit: 2 });
      const failed = await listBatchRuns(database().queries, {
        ...{ batchId: 'b', status: 'failed', after: undefined, limit: 5 },
      });

      expect(state).toMatchObject({
        ...{ counts: { succeeded: 1, failed: 1, waiting: 1 }, underWay: 0, waiting: 1 },
        ...{ chargedMicros: 27, assumedMicros: 20, heldMicros: 30, estimatedMicros: 60 },
      });
      expect([...first, ...rest].map(({ batch_index: index }) => index)).toEqual([1, 0, 2]);
      expect(failed.map(({ batch_index: index }) => index)).toEqual([1]);
    });

    it('is stopped where the first that waits is not affordable and nothing is under way', async () => {
      await insert('b', [10, 20]);

      const taken = await advance('b', () => ({ kind: 'release', limit: 2, runs: () => [] }));

      expect(taken).toMatchObject({ step: 'stop', batch: { stopped: 'max_cost' } });
    });

    it('is looked at by one replica at a time, and by none once it is over', async () => {
      await insert('b', [10]);
      const due = () => takeDueBatches(database(), { now: now + 1, nextAt: now + 60_000, limit: 10 });

      const looks = await Promise.all([due(), due(), due()]);
      await advance('b', () => ({ kind: 'finish' }));

      expect(looks.flat()).toHaveLength(1);
      expect(await takeDueBatches(database(), { now: now + 1e9, nextAt: now, limit: 10 })).toEqual([]);
      expect(await advance('b', upTo(1))).toBeUndefined();
      expect(await requestBatchCancel(database().queries, { batchId: 'b', at: now })).toBe(false);
    });

    it('is listed by its owner, newest first, by page', async () => {
      for (const [index, id] of ['a', 'b', 'c'].entries()) await insert(id, [1], { created_at: now + index });
      const page = { subject: 'alice', limit: 2 };

      const first = await listBatches(database().queries, { ...page, before: undefined });
      const before = { createdAt: now + 1, batchId: 'b' };
      const rest = await listBatches(database().queries, { ...page, before });

      expect([...first, ...rest].map(({ batch_id: id }) => id)).toEqual(['c', 'b', 'a']);
    });
  });
}

/** What both databases do alike with budgets: never sold twice, in one currency and by rates, one's own and everybody's. */
import { describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { type BudgetPeriod, type BudgetRules, everySubject, readBudgetStates, setBudget } from './budgets.ts';
import { createExchangeRates } from './exchange-rates.ts';
import { insertRun, type NewRun } from './insert-run.ts';
import { readUsageTotals } from './usage.ts';
import { endQueuedRun, type RunEnd } from './write-run.ts';

interface BudgetWorld {
  database(): Database;
  newRow(runId: string, changes: Partial<NewRun['row']>): NewRun['row'];
  now: number;
}

const rates = createExchangeRates(new Map([['EUR', 1.25]]));

export function describeBudgets(world: BudgetWorld): void {
  const till = createTill(world);
  describeLimits(world, till);
  describeUnknownPrices(world, till);
}

/** Sets budgets, starts runs against them, and ends those. */
function createTill({ database, newRow, now }: BudgetWorld) {
  let count = 0;

  function set(limitMicros: number | undefined, changes: Partial<Parameters<typeof setBudget>[1]> = {}) {
    const period: BudgetPeriod = 'day';
    const budget = { subject: 'alice', period, currency: 'USD', limitMicros, ...changes };
    return database().transaction((queries) => setBudget(queries, budget));
  }

  function run(
    wantedMicros: number | undefined,
    {
      rules,
      leastMicros,
      ...changes
    }: Partial<NewRun['row']> & { rules?: Omit<BudgetRules, 'now'>; leastMicros?: number } = {},
  ): Promise<{ row: RunRow }> {
    count += 1;
    const row = newRow(`run_money${count}`, changes);
    return insertRun(database(), { row, tags: {}, wantedMicros, leastMicros, rules });
  }

  async function end(row: RunRow, settled: Partial<RunEnd>): Promise<void> {
    const nothing = { status: 'failed', at: now, note: '', patch: {}, chargeMicros: undefined } as const;
    const { run_id: runId, subject } = row;
    await endQueuedRun(database(), { runId, subject }, { ...nothing, delivery: () => undefined, ...settled });
  }

  return { set, run, end };
}

type Till = ReturnType<typeof createTill>;

function started(results: readonly PromiseSettledResult<unknown>[]): number {
  return results.filter(({ status }) => status === 'fulfilled').length;
}

function describeLimits({ database, now }: BudgetWorld, { set, run, end }: Till): void {
  describe('a budget', () => {
    it('starts ten of fifty runs at once when it is for ten', async () => {
      await set(1_000_000);

      const results = await Promise.allSettled(Array.from({ length: 50 }, () => run(100_000)));

      expect(started(results)).toBe(10);
    });

    it('lets nothing past it while it is set again and again', async () => {
      await set(0);
      let isOver = false;
      const setting = (async () => {
        while (!isOver) await set(0);
      })();

      const results = await Promise.allSettled(Array.from({ length: 120 }, () => run(50_000)));
      isOver = true;
      await setting;

      expect(started(results)).toBe(0);
    });

    it('of everybody is one for each subject, and gives way to an own one of the same period', async () => {
      await set(100_000, { subject: everySubject });
      await set(300_000, { subject: 'carol' });

      const tries = ['alice', 'bob', 'carol'].map((subject) =>
        Promise.allSettled(Array.from({ length: 5 }, () => run(100_000, { subject }))),
      );

      expect((await Promise.all(tries)).map(started)).toEqual([1, 1, 3]);
      expect(await readBudgetStates(database().queries, 'bob', now)).toMatchObject([
        { heldMicros: 100_000, isDefault: true },
      ]);
    });

    it('refuses what is priced in a currency that it cannot count, and says which', async () => {
      await set(10_000_000);

      await expect(run(5_000_000, { currency: 'EUR' })).rejects.toMatchObject({
        code: 'budget_currency_mismatch',
        details: { currency: 'USD', other_currency: 'EUR' },
      });
      await expect(run(undefined, { currency: 'EUR' })).rejects.toMatchObject({
        code: 'budget_currency_mismatch',
      });
      await expect(run(0, { currency: 'EUR' })).resolves.toBeDefined();
    });

    it('counts other currencies by the rates that it is given', async () => {
      await set(10_000_000);
      const inEuro = { currency: 'EUR', rules: { rates } };
      const first = await run(4_000_000, inEuro);
      await end(first.row, { chargeMicros: 4_000_000 });

      await expect(run(4_500_000, inEuro)).rejects.toMatchObject({ code: 'budget_exceeded' });
      await run(4_000_000, inEuro);
      await expect(run(1, { rules: { rates } })).rejects.toMatchObject({ code: 'budget_exceeded' });
    });

    it('leaves a currency to the budget of that currency', async () => {
      await set(0);
      await set(5_000_000, { currency: 'EUR' });

      await expect(run(5_000_000, { currency: 'EUR' })).resolves.toBeDefined();
      await expect(run(1)).rejects.toMatchObject({ code: 'budget_exceeded' });
    });

    it('that cannot count what was spent already lets nothing pass', async () => {
      const { row } = await run(undefined);
      await end(row, { chargeMicros: 5_000_000, chargeCurrency: 'EUR' });
      await set(10_000_000);

      await expect(run(1)).rejects.toMatchObject({ code: 'budget_currency_mismatch' });
      await expect(run(1, { rules: { rates } })).resolves.toBeDefined();
    });
  });
}

function describeUnknownPrices({ database }: BudgetWorld, { set, run, end }: Till): void {
  describe('a run of unknown price', () => {
    const capped = { unpriced: { policy: 'cap', capMicros: 100_000 } } as const;

    it('holds its cap, and counts as that when its cost stays unknown', async () => {
      await set(250_000);
      for (let index = 0; index < 3; index++) {
        const { row } = await run(undefined, { rules: capped });
        await end(row, { chargeMicros: row.reserved_micros, certainty: 'unknown' });
      }

      await expect(run(undefined, { rules: capped })).rejects.toMatchObject({ code: 'budget_exceeded' });
      const usage = { subject: 'alice', bucket: 'day', limit: 10, offset: 0 } as const;
      expect(await readUsageTotals(database(), usage)).toEqual([
        { currency: 'USD', runs: 3, chargedMicros: 0, unknownRuns: 3 },
      ]);
    });

    it('holds at least what it certainly costs', async () => {
      await set(250_000);

      expect((await run(undefined, { rules: capped, leastMicros: 200_000 })).row.reserved_micros).toBe(
        200_000,
      );
      await expect(run(undefined, { rules: capped, leastMicros: 60_000 })).rejects.toMatchObject({
        code: 'budget_exceeded',
      });
    });

    it('is refused with a budget where the deployment denies it, and without one it is not', async () => {
      const deny = { unpriced: { policy: 'deny' } } as const;
      await expect(run(undefined, { rules: deny })).resolves.toBeDefined();
      await set(9_000_000);

      await expect(run(undefined, { rules: deny })).rejects.toMatchObject({ code: 'price_unknown' });
    });

    it('holds nothing where the deployment allows it', async () => {
      await set(1);

      const { row } = await run(undefined, { rules: { unpriced: { policy: 'allow' } } });

      expect(row.reserved_micros).toBe(0);
    });
  });
}

/** What both databases do alike with budgets: never sold twice, in one currency and by rates, one's own and everybody's. */
import { describe, expect, it } from 'vitest';
import { addTeamMember } from '../connections/teams.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { type BudgetRules, createExchangeRates, readBudgetStates } from './budgets.ts';
import { insertRun, type NewRun } from './run-rows.ts';
import { endQueuedRun, type RunEnd } from './run-writes.ts';
import { type BudgetPeriod, type BudgetScope, everySubject, setBudget, setLimit } from './spending-limits.ts';
import { readUsageTotals } from './usage.ts';

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
  describeScopes(world, till);
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
    await endQueuedRun(database(), { runId, subject }, { ...nothing, ...settled });
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

function describeScopes({ database, now }: BudgetWorld, { run, end }: Till): void {
  const dayMs = 86_400_000;

  function limit(scope: BudgetScope, value: string, changes: Partial<Parameters<typeof setLimit>[1]> = {}) {
    const key = { scope, value, span: 'day', timeZone: 'UTC', currency: 'USD', limitMicros: 300_000 };
    return database().transaction((queries) => setLimit(queries, { ...key, ...changes }));
  }

  function tries(each: readonly Parameters<typeof run>[1][]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(each.map((changes) => run(100_000, changes)));
  }

  const subjects = ['alice', 'bob', 'carol', 'dave', 'erin'];

  describe('a budget of more than one subject', () => {
    it.each<[BudgetScope, string, Partial<NewRun['row']>, Partial<NewRun['row']>]>([
      ['deployment', '', {}, {}],
      ['provider', 'scripted', {}, { provider: 'other' }],
      ['client', 'cursor', { client: 'cursor' }, { client: 'codex' }],
      ['mount', 'runware', { mount: 'runware' }, { mount: 'inferry' }],
    ])('of %s %s holds all of them together, and nobody else', async (...[scope, value, within, beside]) => {
      await limit(scope, value);

      const inside = await tries(subjects.map((subject) => ({ subject, ...within })));
      const outside = await tries(subjects.map((subject) => ({ subject, ...beside })));

      expect(started(inside)).toBe(3);
      expect(started(outside)).toBe(scope === 'deployment' ? 0 : 5);
    });

    it('of a team holds its members, by who they are now', async () => {
      const { queries } = database();
      for (const subject of ['alice', 'bob']) await addTeamMember(queries, { team: 'red', subject });
      await limit('team', 'red');

      const inside = await tries(
        [...subjects, ...subjects].map((subject) => ({ subject: subject === 'alice' ? 'alice' : 'bob' })),
      );
      expect(started(inside)).toBe(3);
      expect(started(await tries([{ subject: 'carol' }]))).toBe(1);
      await addTeamMember(queries, { team: 'red', subject: 'carol' });
      expect(started(await tries([{ subject: 'carol' }]))).toBe(0);
    });

    it('tells none of its figures to whoever it refuses', async () => {
      await limit('deployment', '');
      await tries([{ subject: 'bob' }, { subject: 'carol' }]);

      const refusal = await run(200_000).catch((error: unknown) => error);

      expect(refusal).toMatchObject({
        code: 'budget_exceeded',
        details: { scope: 'deployment', period: 'day', currency: 'USD' },
      });
      expect(JSON.stringify(refusal)).not.toMatch(/spent|reserved|"left"|"limit"/);
      expect(String(refusal)).toContain(
        'The day budget of the deployment does not leave enough for this run',
      );
    });

    it('binds beside the own one, which is named where both refuse', async () => {
      await limit('deployment', '');
      await limit('subject', 'alice', { limitMicros: 100_000 });

      await run(100_000);

      await expect(run(250_000)).rejects.toMatchObject({ details: { limit: 0.1, left: 0 } });
      expect(started(await tries([{ subject: 'bob' }, { subject: 'bob' }, { subject: 'bob' }]))).toBe(2);
    });

    it('of everybody is one for each, and gives way to an own one', async () => {
      await limit('client', everySubject);
      await limit('client', 'codex', { limitMicros: 500_000 });
      const by = (client: string) => tries(subjects.map((subject) => ({ subject, client })));

      expect([started(await by('cursor')), started(await by('codex')), started(await by(''))]).toEqual([
        3, 5, 5,
      ]);
    });

    it('is not oversold by runs of many subjects at one instant', async () => {
      await limit('deployment', '');
      await limit('provider', 'scripted');

      const many = Array.from({ length: 40 }, (_, index) => ({ subject: `s${index % 20}` }));

      expect(started(await tries(many))).toBe(3);
    });
  });

  describe('the window of a budget', () => {
    async function spend(daysAgo: number): Promise<void> {
      const { row } = await run(0);
      await end(row, { at: now - daysAgo * dayMs, chargeMicros: 100_000 });
    }

    it('that rolls counts what was charged in it, whatever the day', async () => {
      for (const daysAgo of [6.9, 7.1, 3]) await spend(daysAgo);
      await limit('subject', 'alice', { span: 'rolling:7d' });

      expect(await readBudgetStates(database().queries, 'alice', now)).toMatchObject([
        { period: 'rolling:7d', spentMicros: 200_000, resetsAt: undefined },
      ]);
      expect(started(await tries([{}, {}]))).toBe(1);
    });

    it('of a calendar begins and ends by its time zone', async () => {
      // 2031-03-05T10:00Z is 23:00 of that day in Auckland, which began at 11:00Z of the day before.
      for (const daysAgo of [0.9, 1]) await spend(daysAgo);
      await limit('subject', 'alice', { timeZone: 'Pacific/Auckland' });

      expect(await readBudgetStates(database().queries, 'alice', now)).toMatchObject([
        { spentMicros: 100_000, resetsAt: Date.parse('2031-03-05T11:00:00Z') },
      ]);
    });

    it('may be several at once, and is removed by itself', async () => {
      await limit('subject', 'alice', { span: 'week' });
      await limit('subject', 'alice', { span: 'month@15', limitMicros: 900_000 });
      await limit('subject', 'alice', { span: 'week', limitMicros: undefined });

      const states = await readBudgetStates(database().queries, 'alice', now);
      expect(states.map(({ period, limitMicros }) => [period, limitMicros])).toEqual([['month@15', 900_000]]);
    });
  });
}

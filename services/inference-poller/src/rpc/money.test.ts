import { getRun, type JsonObject, readBudgets, readOutputs, readUsage, runModel } from '@inferry/contracts';
import { setBudget, setLimit } from '@inferry/database';
import { canonicalTool } from '@inferry/profiles';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

function allow(period: 'day' | 'month' | 'total', limit: number, currency = 'USD'): Promise<void> {
  return setBudget(world.database.queries, {
    subject: 'alice',
    period,
    currency,
    limitMicros: limit * 1_000_000,
  });
}

function detailsOf(error: { details?: object } | undefined): { scope?: unknown } {
  return error?.details ?? {};
}

describe('a result', () => {
  it('says what its run cost in a form for programs, also when the run failed', async () => {
    const show = (args: JsonObject) =>
      world.show(canonicalTool(runModel), { model: 'scripted/model', ...args });
    world.platform.endsAs = succeeded();
    const { meta } = await show({ input: {}, client_ref: 'a' });
    const { run } = await world.run({ client_ref: 'a' });
    const known = await world.show(
      canonicalTool(getRun),
      { run_id: run?.run_id ?? '' },
      { operation: getRun },
    );
    world.platform.endsAs = {
      ...{ status: 'failed', upstreamStatus: 'FAILED' },
      charged: { amount: 0.02, currency: 'USD' },
    };
    const failed = await show({ input: {} });

    expect(meta).toEqual({
      'inferry/cost': {
        ...{ run_id: run?.run_id, status: 'succeeded' },
        ...{ currency: 'USD', estimated: 0.5, charged: 0.07 },
      },
    });
    expect(known.meta).toEqual(meta);
    expect([failed.isError, failed.meta]).toMatchObject([true, { 'inferry/cost': { charged: 0.02 } }]);
  });
});

describe('a budget', () => {
  it('is never oversold by runs that start at one instant on two replicas', async () => {
    await world.addReplica();
    await allow('total', 2);

    const replies = await Promise.all(Array.from({ length: 20 }, () => world.run({ wait_seconds: 0 })));

    const errors = replies.map(({ error }) => error?.code).filter((code) => code !== undefined);
    expect(errors).toEqual(Array.from({ length: 16 }, () => 'budget_exceeded'));
  });

  it('says what is left, and runs nothing', async () => {
    await allow('total', 0.7);
    await world.start();

    const { error } = await world.run();

    expect(error?.message).toContain('0.2 USD left of 0.7');
    expect(error?.details).toMatchObject({ left: 0.2, limit: 0.7, reserved: 0.5, spent: 0 });
  });

  it('is given back what a run did not cost', async () => {
    await allow('total', 1);
    world.platform.endsAs = succeeded();
    await world.run();

    const { budgets } = await world.ask(readBudgets, {});

    expect(budgets).toEqual([{ scope: 'subject', currency: 'USD', limit: 1, spent: 0.07, reserved: 0 }]);
  });

  it('is shown with what running runs hold and when it ends', async () => {
    await allow('day', 5);
    await world.start();

    const { budgets } = await world.ask(readBudgets, {});

    expect(budgets).toMatchObject([{ limit: 5, spent: 0, reserved: 0.5 }]);
    expect(budgets[0]?.resets_at).toMatch(/T00:00:00\.000Z$/);
  });

  it('begins anew with each day, while the month goes on', async () => {
    await allow('day', 0.6);
    world.platform.endsAs = succeeded('', { charged: { amount: 0.5, currency: 'USD' } });
    await world.run();
    expect((await world.run()).error?.code).toBe('budget_exceeded');

    world.skipped += 24 * 3_600_000;

    expect((await world.run()).run?.status).toBe('succeeded');
  });

  it('is held whole by a run of unknown price until its cost is known', async () => {
    await allow('total', 1);
    const runId = await world.start({ input: { price: null } });
    const during = await world.run({ input: { price: 0.01 } });
    world.platform.endsAs = succeeded();
    await world.ended(runId);
    const after = await world.run({ input: { price: 0.01 } });

    expect(during.error?.code).toBe('budget_exceeded');
    expect(after.isError).toBe(false);
  });

  it('is not spent without end on runs whose cost nobody ever tells', async () => {
    await allow('total', 2.5);
    const { charged: _, ...untold } = succeeded();
    world.platform.endsAs = untold;

    const codes: (string | undefined)[] = [];
    for (let index = 0; index < 5; index++) {
      codes.push((await world.run({ input: { price: null } })).error?.code);
    }

    expect(codes).toEqual([undefined, undefined, undefined, 'budget_exceeded', 'budget_exceeded']);
    expect((await world.ask(readBudgets, {})).budgets).toMatchObject([{ spent: 2.5, reserved: 0 }]);
  });

  it('refuses in a dry run what it would refuse', async () => {
    await allow('total', 0.4);

    const { error } = await world.run({ dry_run: true });

    expect(error?.code).toBe('budget_exceeded');
    expect((await world.run({ dry_run: true, input: { price: 0.3 }, max_cost: 0.2 })).error?.code).toBe(
      'max_cost_exceeded',
    );
  });

  it('of a client, a mount or a provider counts what comes by them, and shows nobody its figures', async () => {
    const span = { span: 'day', timeZone: 'UTC', currency: 'USD', limitMicros: 500_000 };
    const by = (client: string) => ({ principal: { ...alice, client } });
    await setLimit(world.database.queries, { ...span, scope: 'client', value: 'cursor' });
    await setLimit(world.database.queries, {
      ...span,
      scope: 'mount',
      value: 'inferry',
      limitMicros: 1_000_000,
    });
    const start = (client: string) => world.run({ wait_seconds: 0 }, by(client));

    const codes = [
      await start('cursor'),
      await start('cursor'),
      await start('codex'),
      await start('codex'),
    ].map(({ error }) => detailsOf(error).scope ?? 'started');

    expect(codes).toEqual(['started', 'client', 'started', 'mount']);
    const run = { currency: 'USD', max: 0.1, provider: 'scripted', mount: 'inferry' };
    const told = await world.ask(readBudgets, { run });
    expect(told).toMatchObject({ budgets: [], refusal: { details: { scope: 'mount' } } });
    expect(told).not.toHaveProperty('left');
    const rows = await world.database.queries.selectFrom('ledger').select(['client', 'mount']).execute();
    expect(rows).toEqual([
      { client: 'cursor', mount: 'inferry' },
      { client: 'codex', mount: 'inferry' },
    ]);
  });

  it('tells what is left for a run, and why it would be refused', async () => {
    await allow('total', 0.4);

    expect(await world.ask(readBudgets, { run: { currency: 'USD', max: 0.3 } })).toMatchObject({ left: 0.4 });
    expect(await world.ask(readBudgets, { run: { currency: 'USD', max: 0.5 } })).toMatchObject({
      refusal: { code: 'budget_exceeded' },
    });
    expect(await world.ask(readBudgets, { run: { currency: 'EUR', max: 0.1 } })).toMatchObject({
      refusal: { code: 'budget_currency_mismatch' },
    });
  });

  it('does not refuse the replay of the run that holds it', async () => {
    await allow('total', 0.5);
    const first = await world.start({ client_ref: 'a' });

    const again = await world.run({ client_ref: 'a', wait_seconds: 0 });

    expect(again.run?.run_id).toBe(first);
  });

  it('of one subject or currency does not bind another', async () => {
    await allow('total', 0);
    await allow('total', 100, 'EUR');

    expect((await world.run({ wait_seconds: 0 }, { principal: bob })).isError).toBe(false);
    expect((await world.run()).error?.code).toBe('budget_exceeded');
  });
});

describe('read_usage', () => {
  async function runOn(date: string, amount: number, settings = {}): Promise<void> {
    world.skipped = Date.parse(date) - Date.now();
    world.platform.endsAs = succeeded('', { charged: { amount, currency: 'USD' } });
    await world.run({}, settings);
  }

  it.each([
    ['hour', ['2031-03-05T10:00:00.000Z', '2031-03-03T09:00:00.000Z', '2031-02-28T23:00:00.000Z']],
    ['day', ['2031-03-05T00:00:00.000Z', '2031-03-03T00:00:00.000Z', '2031-02-28T00:00:00.000Z']],
    ['week', ['2031-03-03T00:00:00.000Z', '2031-02-24T00:00:00.000Z']],
    ['month', ['2031-03-01T00:00:00.000Z', '2031-02-01T00:00:00.000Z']],
    ['year', ['2031-01-01T00:00:00.000Z']],
  ] as const)('sums by %s, newest first', async (bucket, starts) => {
    await runOn('2031-02-28T23:30:00Z', 0.1);
    await runOn('2031-03-03T09:00:00Z', 0.2);
    await runOn('2031-03-05T10:30:00Z', 0.4);
    await runOn('2031-03-05T10:40:00Z', 8, { principal: bob });

    const { totals, buckets } = await world.ask(readUsage, { bucket, limit: 100 });

    expect(totals).toMatchObject({ runs: 3, currency: 'USD' });
    expect(totals.charged).toBeCloseTo(0.7);
    expect(buckets.map(({ start }) => start)).toEqual(starts);
    expect(buckets.reduce((sum, { runs }) => sum + runs, 0)).toBe(3);
  });

  it('tells how many runs there are of which nobody knows the cost', async () => {
    const { charged: _, ...untold } = succeeded();
    world.platform.endsAs = untold;
    for (let index = 0; index < 3; index++) await world.run({ input: { price: null } });
    await world.run({ input: { price: 0.3, exact: false } });

    const { totals, buckets } = await world.ask(readUsage, { bucket: 'day', limit: 1 });

    const usage = { runs: 4, charged: 0.3, assumed: 0.3, unknown_cost_runs: 3 };
    expect([totals, buckets[0]]).toMatchObject([usage, usage]);
  });

  it('keeps the currencies apart', async () => {
    const free = { currency: 'USD', amount: 0 };
    const euro = { currency: 'EUR', amount: 5 };
    world.platform.endsAs = succeeded('', { charged: euro });
    await world.run({ input: { price: null } });
    world.platform.endsAs = succeeded('', { charged: free });
    for (let index = 0; index < 2; index++) await world.run({ input: { price: 0 } });

    const { totals, other_totals: others } = await world.ask(readUsage, { bucket: 'day', limit: 1 });

    expect(totals).toEqual({ runs: 1, charged: 5, currency: 'EUR' });
    expect(others).toEqual([{ runs: 2, charged: 0, currency: 'USD' }]);
  });

  it('pages, and keeps to the window asked for', async () => {
    await runOn('2031-03-01T12:00:00Z', 0.1);
    await runOn('2031-03-02T12:00:00Z', 0.2);
    await runOn('2031-03-03T12:00:00Z', 0.4);
    const request = {
      bucket: 'day',
      limit: 1,
      since: '2031-03-02T00:00:00Z',
      until: '2031-03-04T00:00:00Z',
    } as const;

    const first = await world.ask(readUsage, request);
    const second = await world.ask(readUsage, { ...request, cursor: first.next_cursor });

    expect([...first.buckets, ...second.buckets].map(({ charged }) => charged)).toEqual([0.4, 0.2]);
    expect(second.next_cursor).toBeUndefined();
  });

  it('refuses a cursor of another window', async () => {
    const cursor = Buffer.from('{}').toString('base64url');

    await expect(world.ask(readUsage, { bucket: 'day', limit: 1, cursor })).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  });
});

describe('read_outputs', () => {
  it('answers the outputs of a run of the caller only', async () => {
    world.platform.endsAs = succeeded('hello');
    const { run } = await world.run();
    const request = { run_id: run?.run_id ?? '' };

    expect((await world.ask(readOutputs, request)).outputs).toMatchObject([{ text: 'hello' }]);
    await expect(world.ask(readOutputs, request, bob)).rejects.toMatchObject({ code: 'run_not_found' });
  });
});

import { browseRuns, operate, readOperation, readSpend } from '@inferry/contracts';
import { type Database, readAudit, setRunLimit } from '@inferry/database';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';
import { handleBrowseRuns } from './browse-runs.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

/** The same database, with what was asked of it. */
function counted(database: Database) {
  const read = { queries: 0, rows: 0 };
  const plugin: Parameters<Database['queries']['withPlugin']>[0] = {
    transformQuery({ node }) {
      read.queries += 1;
      return node;
    },
    async transformResult({ result }) {
      read.rows += result.rows.length;
      return result;
    },
  };
  return { read, database: { ...database, queries: database.queries.withPlugin(plugin) } };
}

const operator = { ...alice, subject: 'ops', scopes: ['operator'] };

/** Ended runs of alice, made at once as rows: one a minute, the newest last. */
async function manyRuns(count: number): Promise<void> {
  world.platform.endsAs = succeeded();
  const { run } = await world.run({ input: {} });
  const like = await world.row(run?.run_id ?? '');
  const rows = Array.from({ length: count }, (_, index) => ({
    ...like,
    ...{ run_id: `run_${String(index).padStart(6, '0')}`, idempotency_key: `ref:many-${index}` },
    ...{ client_ref: `many-${index}`, created_at: like.created_at - (count - index) * 60_000 },
    status: index % 500 === 0 ? 'failed' : 'succeeded',
  }));
  for (let at = 0; at < rows.length; at += 500)
    await world.database.queries
      .insertInto('runs')
      .values(rows.slice(at, at + 500))
      .execute();
}

describe('browse_runs', () => {
  it('tells of each run what it was asked for, what came of it and what it cost', async () => {
    world.platform.endsAs = succeeded('hello');
    await world.run({ input: { prompt: '  a  fox\nin snow ' } });
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED' };
    await world.run({ input: { messages: [{ role: 'user', content: 'Why?' }] } });

    const { runs } = await world.ask(browseRuns, { limit: 10 });

    expect(runs).toMatchObject([
      { status: 'failed', about: 'Why?', error_code: expect.any(String) },
      { status: 'succeeded', about: 'a fox in snow', outputs: [{ text: 'hello' }], output_count: 1 },
    ]);
    expect(runs[1]?.cost).toMatchObject({ charged: 0.07 });
    expect((await world.ask(browseRuns, { limit: 10 }, bob)).runs).toEqual([]);
  });

  it.each([
    ['a word of the input', { text: 'FOX' }, 1],
    ['a quoted word', { text: '"den"' }, 1],
    ['signs that mean something to databases', { text: '%' }, 1],
    ['a reference', { text: 'ref-b' }, 1],
    ['a model', { model: 'scripted/model' }, 2],
    ['another model', { model: 'scripted/other' }, 0],
    ['a state', { statuses: ['succeeded' as const] }, 2],
  ])('finds by %s', async (_what, filter, count) => {
    world.platform.endsAs = succeeded('text');
    await world.run({ input: { prompt: 'the Fox in its "den"' }, client_ref: 'ref-a' });
    await world.run({ input: { prompt: '100 % owl' }, client_ref: 'ref-b' });

    const { runs, next_cursor: next } = await world.ask(browseRuns, { limit: 10, ...filter });

    expect([runs.length, next]).toEqual([count, undefined]);
  });

  it('looks at a bounded part of ten thousand runs for each page, and goes on where it stopped', async () => {
    await manyRuns(10_000);
    const found: string[] = [];
    const steps: (number | undefined)[] = [];
    let cursor: string | undefined;

    do {
      const page = await world.ask(browseRuns, { limit: 50, statuses: ['failed'], cursor });
      found.push(...page.runs.map(({ run_id: id }) => id));
      steps.push(page.searched);
      cursor = page.next_cursor;
    } while (cursor !== undefined);

    expect(found).toEqual(
      Array.from({ length: 20 }, (_, at) => `run_${String(9_500 - at * 500).padStart(6, '0')}`),
    );
    expect(steps).toEqual([2_000, 2_000, 2_000, 2_000, 2_000, undefined]);
  });

  it('pages through all runs once, also where many began in one instant', async () => {
    await manyRuns(130);
    await world.database.queries
      .updateTable('runs')
      .set({ created_at: 7 })
      .where('client_ref', 'like', 'many-%')
      .execute();
    const seen: string[] = [];
    let cursor: string | undefined;

    do {
      const page = await world.ask(browseRuns, { limit: 25, cursor });
      seen.push(...page.runs.map(({ run_id: id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== undefined);

    expect([seen.length, new Set(seen).size]).toEqual([131, 131]);
  });
});

describe('a page of ten thousand runs', () => {
  it.each([
    ['all', {}, 1],
    ['a state', { statuses: ['failed' as const] }, 2],
    ['words that are nowhere', { text: 'nowhere' }, 2],
  ])('takes a query or two and reads no more rows than it shows: %s', async (_what, filter, queries) => {
    const { database, read } = counted(world.database);
    await manyRuns(10_000);
    const context = { principal: alice } as Parameters<ReturnType<typeof handleBrowseRuns>>[1];

    await handleBrowseRuns({ database })({ limit: 25, ...filter }, context);

    expect(read.queries).toBe(queries);
    expect(read.rows).toBeLessThanOrEqual(28);
  });
});

describe('read_spend', () => {
  it('tells what the caller was charged by day and model, and what is unknown beside it', async () => {
    world.platform.endsAs = succeeded();
    await world.run({ input: { price: 0.5 } });
    const { charged: _, ...untold } = succeeded();
    world.platform.endsAs = untold;
    await world.run({ input: { price: null } });
    const day = new Date().toISOString().slice(0, 10);
    const window = { since: `${day}T00:00:00Z`, until: new Date(Date.now() + 86_400_000).toISOString() };

    const { rows } = await world.ask(readSpend, { ...window, by: ['day', 'model'], limit: 400 });
    const others = await world.ask(readSpend, { ...window, by: ['model'], limit: 400 }, bob);

    const own = { model: 'scripted/model', currency: 'USD', runs: 2, charged: 0.07, unknown_cost_runs: 1 };
    expect(rows).toEqual([{ day, ...own }]);
    expect(others.rows).toEqual([]);
  });
});

describe('read_spend of many models', () => {
  it('keeps those that cost most, and of each day sums the others, so that nothing is lost', async () => {
    const at = Date.parse('2031-03-01T12:00:00Z');
    const charges = Array.from({ length: 1_200 }, (_, index) => ({
      ...{ entry_id: `e${index}`, run_id: `r${index}`, subject: 'alice', provider: 'p', kind: 'charge' },
      ...{ model: `p/m${index % 600}`, currency: 'USD', amount_micros: 1_000 * ((index % 600) + 1) },
      ...{ at: at + (index < 600 ? 0 : 86_400_000), certainty: index === 0 ? 'unknown' : 'known' },
    }));
    for (let from = 0; from < charges.length; from += 300)
      await world.database.queries
        .insertInto('ledger')
        .values(charges.slice(from, from + 300))
        .execute();
    const window = { since: '2031-03-01T00:00:00Z', until: '2031-03-03T00:00:00Z', limit: 400 };

    const { rows, is_folded: isFolded } = await world.ask(readSpend, { ...window, by: ['day', 'model'] });

    const others = rows.filter(({ model }) => model === 'all others');
    expect([rows.length, isFolded, others.length]).toEqual([400, true, 2]);
    expect(rows.reduce((sum, { runs }) => sum + runs, 0)).toBe(1_200);
    expect(rows.reduce((sum, { charged }) => sum + charged, 0)).toBeCloseTo(360.599);
    expect(others.reduce((sum, { unknown_cost_runs: unknown = 0 }) => sum + unknown, 0)).toBe(1);
  });
});

describe('what operators do', () => {
  it('is refused to everybody else, whatever they may do with runs', async () => {
    const asked = world.ask(readOperation, { part: 'spend', limit: 10 });
    const done = world.ask(operate, { action: 'pause', object: 'scripted' });

    await expect(asked).rejects.toMatchObject({ code: 'forbidden' });
    await expect(done).rejects.toMatchObject({ code: 'forbidden' });
    expect(await world.database.queries.selectFrom('provider_pauses').selectAll().execute()).toEqual([]);
  });

  it('pauses a platform, shows what waits there and for how long, and stands in the audit trail', async () => {
    const read = async () =>
      (await world.ask(readOperation, { part: 'platforms', limit: 10 }, operator)).platforms;
    await world.ask(operate, { action: 'pause', object: 'scripted', reason: 'ill' }, operator);
    await world.start({ input: {} });
    world.skipped += 60_000;
    const paused = await read();
    await world.ask(operate, { action: 'resume', object: 'scripted' }, operator);
    const resumed = await read();

    expect(paused).toMatchObject([
      { provider: 'scripted', open: { queued: 1 }, late_runs: 1, pause: { mode: 'pause', reason: 'ill' } },
    ]);
    expect(paused?.[0]?.late_seconds).toBeGreaterThan(55);
    expect(resumed?.[0]?.pause).toBeUndefined();
    await expect
      .poll(async () =>
        (await readAudit(world.database.queries, { after: 0, limit: 50 })).map(({ actor, action }) => [
          actor,
          action,
        ]),
      )
      .toEqual(
        expect.arrayContaining([
          ['operator ops', 'admin.provider.pause'],
          ['operator ops', 'admin.provider.resume'],
        ]),
      );
  });

  it('tells which limits hold runs, the fullest first, and what all replicas use of them', async () => {
    const day = { count: 100, windowMs: 86_400_000 };
    await setRunLimit(world.database, { scope: 'subject', value: '*', atOnce: 1, rate: day, open: 50 });
    await setRunLimit(world.database, { scope: 'provider', value: 'scripted', atOnce: 10 });
    world.platform.endsAs = undefined;
    const [first, second] = [await world.start({ input: {} }), await world.start({ input: {} })];
    await expect.poll(async () => (await world.row(first)).phase).toBe('running');

    const read = async (limit: number) => world.ask(readOperation, { part: 'limits', limit }, operator);
    const all = await read(10);

    expect((await world.row(second)).phase).toBe('queued');
    expect(all).toEqual({
      limits: [
        { scope: 'provider', value: 'scripted', at_once: 10 },
        { scope: 'subject', value: '*', at_once: 1, rate: { count: 100, window_ms: 86_400_000 }, open: 50 },
      ],
      limit_uses: [
        {
          ...{ scope: 'subject', value: 'alice', at_once: 1, open: 50, full: 'at_once' },
          ...{ rate: { count: 100, window_ms: 86_400_000 }, under_way: 1, sent: 1, waiting: 1, unended: 2 },
        },
        {
          ...{ scope: 'provider', value: 'scripted', at_once: 10 },
          ...{ under_way: 1, sent: 0, waiting: 1, unended: 2 },
        },
      ],
    });
    expect(await read(1)).toMatchObject({ limit_uses: [{ value: 'alice' }], is_cut: true });
    await expect(world.ask(readOperation, { part: 'limits', limit: 1 })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('tells what each tenant was charged, those with the most first', async () => {
    world.platform.endsAs = succeeded();
    await world.run({ input: {} });
    for (let index = 0; index < 2; index += 1) await world.run({ input: {} }, { principal: bob });

    const { spend, is_cut: isCut } = await world.ask(readOperation, { part: 'spend', limit: 1 }, operator);

    expect([spend, isCut]).toEqual([[{ subject: 'bob', currency: 'USD', runs: 2, charged: 0.14 }], true]);
  });

  it('sends a webhook again, and shows of its address no more than where it leads', async () => {
    const runId = await world.start({ input: {} });
    const delivery = { delivery_id: 'whd_1', run_id: runId, url: 'https://hooks.example/a?token=secret' };
    await world.database.queries
      .insertInto('webhook_deliveries')
      .values({
        ...{ ...delivery, body: '{}', attempts: 8, next_attempt_at: null, lease_until: null },
        ...{ delivered_at: null, last_status: 500 },
      })
      .execute();
    const list = () => world.ask(readOperation, { part: 'webhooks', is_failed: true, limit: 10 }, operator);

    const before = await list();
    await world.ask(operate, { action: 'replay', object: 'whd_1' }, operator);
    const unknown = world.ask(operate, { action: 'replay', object: 'whd_9' }, operator);

    expect(before.webhooks).toMatchObject([
      { delivery_id: 'whd_1', url: 'https://hooks.example/…', state: 'given_up', attempts: 8 },
    ]);
    await expect(unknown).rejects.toMatchObject({ code: 'webhook_not_found' });
  });
});

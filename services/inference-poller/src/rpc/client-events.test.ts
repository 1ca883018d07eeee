import { readClientEvents } from '@inferry/contracts';
import { setLimit } from '@inferry/database';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  world.platform.endsAs = succeeded('hello');
  await world.addReplica();
});
afterEach(() => world.close());

type Name = Parameters<typeof read>[0];
const read = (
  name: 'run.finished' | 'run.progressed' | 'catalog.changed' | 'budget.reached',
  cursor: string | null,
  more: { args?: { run_id?: string }; limit?: number; principal?: typeof alice; max_age_ms?: number } = {},
) => {
  const { args = {}, limit = 50, principal = alice, ...rest } = more;
  return world.ask(readClientEvents, { name, arguments: args, cursor, limit, ...rest }, principal);
};

async function ran(): Promise<string> {
  const runId = await world.start();
  await world.ended(runId);
  return runId;
}

it('tells of an end that comes after one that was none as of another event', async () => {
  const start = await read('run.finished', null);
  const runId = await ran();
  const first = await read('run.finished', start.cursor);
  const { queries } = world.database;
  const real = { status: 'failed', finished_at: Date.now() + 1 };
  await queries.updateTable('runs').set(real).where('run_id', '=', runId).execute();

  const second = await read('run.finished', first.cursor);

  const [one, other] = [first, second].map(({ events }) => events[0]);
  expect(other).toMatchObject({ data: { run_id: runId, status: 'failed' } });
  expect(other?.event_id).not.toBe(one?.event_id);
});

/** Everything from a cursor on, page by page. */
async function all(name: Name, cursor: string, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let from = cursor; ; ) {
    const page = await read(name, from, { limit });
    ids.push(...page.events.map(({ event_id: id }) => id));
    from = page.cursor;
    if (!page.has_more) return ids;
  }
}

it('tells of what ended after the first look, once each, and to its owner alone', async () => {
  await ran();
  const start = await read('run.finished', null);
  const foreign = await read('run.finished', null, { principal: bob });
  const [one, two] = [await ran(), await ran()];

  const page = await read('run.finished', start.cursor);
  const again = await read('run.finished', page.cursor);

  expect(start.events).toEqual([]);
  expect(page.events.map(({ data }) => data.run_id).sort()).toEqual([one, two].sort());
  expect(page.events[0]).toMatchObject({ name: 'run.finished', data: { status: 'succeeded' } });
  expect(again.events).toEqual([]);
  expect((await read('run.finished', foreign.cursor, { principal: bob })).events).toEqual([]);
  await expect(read('run.finished', start.cursor, { principal: bob })).rejects.toMatchObject({
    code: 'invalid_cursor',
  });
});

it('leaves out nothing that is written late, and tells nothing twice, in pages of any size', async () => {
  const { cursor } = await read('run.finished', null);
  const ids = [await ran(), await ran(), await ran(), await ran(), await ran()];
  const after = await read('run.finished', cursor);
  // One whose end was stamped before that, and written after it.
  const late = await ran();
  const first = await world.row(ids[0] ?? '');
  await world.database.queries
    .updateTable('runs')
    .set({ finished_at: first.finished_at })
    .where('run_id', '=', late)
    .execute();

  const more = await read('run.finished', after.cursor);

  expect(after.events).toHaveLength(5);
  expect(more.events.map(({ data }) => data.run_id)).toEqual([late]);
  const whole = await all('run.finished', cursor, 2);
  const runs = whole.map((id) => id.replace(/:finished:\d+$/, ''));
  expect(runs.sort()).toEqual([...ids, late].sort());
});

it('tells a run’s timeline, of one run where that is asked for', async () => {
  const { cursor } = await read('run.progressed', null);
  const wanted = await ran();
  await ran();
  const own = await read('run.progressed', null, { args: { run_id: wanted } });

  const page = await read('run.progressed', cursor);

  expect(new Set(page.events.map(({ data }) => data.run_id)).size).toBe(2);
  expect(page.events.at(-1)?.data).toMatchObject({ status: 'succeeded', note: expect.any(String) });
  expect((await read('run.progressed', own.cursor, { args: { run_id: wanted } })).events).toEqual([]);
});

it('says when what is older than a client wants, or than is told, was passed over', async () => {
  const { cursor } = await read('run.finished', null);
  await ran();
  world.skipped += 3_600_000;

  const page = await read('run.finished', cursor, { max_age_ms: 60_000 });

  expect(page).toMatchObject({ events: [], truncated: true });
  expect(await read('run.finished', page.cursor)).toMatchObject({ events: [], truncated: false });
});

it('tells of a budget that has nothing left, once', async () => {
  const limit = { scope: 'subject', value: 'alice', span: 'day', timeZone: 'UTC', currency: 'USD' } as const;
  await setLimit(world.database.queries, { ...limit, limitMicros: 5_000_000 });
  const { cursor } = await read('budget.reached', null);
  const before = await read('budget.reached', cursor);

  await setLimit(world.database.queries, { ...limit, limitMicros: 0 });

  const reached = await read('budget.reached', before.cursor);
  expect(before.events).toEqual([]);
  expect(reached.events).toMatchObject([{ data: { scope: 'subject', period: 'day', currency: 'USD' } }]);
  expect((await read('budget.reached', reached.cursor)).events).toEqual([]);
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, createWorld, type Reply, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

function idsOf(reply: Reply): string[] {
  // as: list_runs answers runs in `items`.
  return (reply.items as { run_id: string }[]).map(({ run_id: runId }) => runId);
}

async function start(args = {}, settings = {}): Promise<string> {
  world.skipped += 1;
  return (await world.run({ wait_seconds: 0, ...args }, settings)).run?.run_id ?? '';
}

describe('list_runs', () => {
  it("lists the caller's runs only, newest first", async () => {
    const mine = [await start(), await start(), await start()];
    await start({}, { principal: bob });

    expect(idsOf(await world.list())).toEqual(mine.reverse());
  });

  it('says how many there are of what was asked for, and of nobody else', async () => {
    for (let at = 0; at < 3; at++) await world.start({ metadata: { batch: at < 2 ? 'a' : 'b' } });
    await world.start({}, { principal: bob });

    const all = await world.list({ limit: 1 });
    const tagged = await world.list({ metadata: { batch: 'a' } });

    expect(all).toMatchObject({ page: { total: 3 } });
    expect(tagged).toMatchObject({ page: { total: 2 } });
    expect(all.text).toContain('1 of 3 shown');
  });

  it('pages to the last run without losing or repeating one', async () => {
    const mine = [];
    for (let index = 0; index < 7; index++) mine.push(await start());

    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await world.list({ limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...idsOf(page));
      // as: the page of list_runs.
      cursor = (page.page as { next_cursor?: string }).next_cursor;
    } while (cursor !== undefined);

    expect(seen).toEqual(mine.reverse());
  });

  it('filters by tags, which must all hold [MRD-02]', async () => {
    const both = await start({ metadata: { team: 'a', env: 'dev' } });
    await start({ metadata: { team: 'a', env: 'prod' } });
    await start({ metadata: { team: 'b', env: 'dev' } });

    expect(idsOf(await world.list({ metadata: { team: 'a', env: 'dev' } }))).toEqual([both]);
  });

  it('filters by status, model, provider and time', async () => {
    const first = await start({ model: 'scripted/other' });
    world.platform.endsAs = succeeded();
    await world.ended(first);
    world.platform.endsAs = undefined;
    world.skipped += 60_000;
    const since = new Date(Date.now() + world.skipped - 1_000).toISOString();
    const second = await start();

    expect(idsOf(await world.list({ status: 'succeeded' }))).toEqual([first]);
    expect(idsOf(await world.list({ model: 'scripted/model' }))).toEqual([second]);
    expect(idsOf(await world.list({ provider: 'scripted' }))).toHaveLength(2);
    expect(idsOf(await world.list({ provider: 'other' }))).toEqual([]);
    expect(idsOf(await world.list({ since }))).toEqual([second]);
  });

  it.each(['nonsense', 'e30', Buffer.from('{"v":2}').toString('base64url')])(
    'refuses the cursor %s',
    async (cursor) => {
      expect((await world.list({ cursor })).error?.code).toBe('invalid_cursor');
    },
  );

  it('refuses a cursor of another query', async () => {
    await start();
    await start();
    const page = await world.list({ limit: 1 });
    // as: the page of list_runs.
    const cursor = (page.page as { next_cursor: string }).next_cursor;

    expect((await world.list({ limit: 1, cursor, status: 'running' })).error?.code).toBe('invalid_cursor');
    expect((await world.list({ limit: 1, cursor }, { principal: bob })).error?.code).toBe('invalid_cursor');
  });
});

describe('what a list shows of each run', () => {
  it('is what came of it, with links, so that nobody asks for each', async () => {
    const picture = { kind: 'image' as const, contentType: 'image/png', bytes: Buffer.from('png') };
    world.platform.endsAs = succeeded('', { outputs: [picture, picture, picture] });
    const runId = await start({ wait_seconds: 10 });
    await world.ended(runId);

    const reply = await world.list();
    // as: list_runs answers runs in `items`.
    const { items, text } = reply as unknown as { items: { outputs: { url: string }[] }[]; text: string };

    const [run] = items;
    expect(run).toMatchObject({ run_id: runId, next_action: expect.stringContaining(runId) });
    expect(run?.outputs).toHaveLength(2);
    for (const { url } of run?.outputs ?? []) expect(text).toContain(`![image](${url})`);
    expect(JSON.stringify(items)).not.toContain('upstream');
  });

  it('is short without a limit, and all that was asked for with one', async () => {
    for (let at = 0; at < 30; at++) await start({ client_ref: `a reference that is long, number ${at}` });

    const first = await world.list();
    const whole = await world.list({ limit: 100 });

    expect(Buffer.byteLength(first.text as string)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify({ items: first.items, page: first.page }))).toBeLessThanOrEqual(
      1_024,
    );
    expect(idsOf(first).length).toBeGreaterThan(2);
    expect(idsOf(whole)).toHaveLength(30);
    expect(idsOf(whole).slice(0, idsOf(first).length)).toEqual(idsOf(first));
  });
});

describe('a model that is filtered by', () => {
  it('may go by any name that run_model takes', async () => {
    const mine = [await start({ model: 'bare' }), await start({ model: 'bare' })];

    const first = await world.list({ model: 'bare', limit: 1 });
    // as: the page of list_runs.
    const { next_cursor: cursor } = first.page as { next_cursor?: string };
    const second = await world.list({ model: 'bare', limit: 1, cursor });

    expect([...idsOf(first), ...idsOf(second)]).toEqual(mine.reverse());
  });

  it('and that nobody knows is said to be so', async () => {
    const reply = await world.list({ model: 'scripted/none' });

    expect(reply.hint).toContain('There is no such model.');
    expect(reply.text).toContain('There is no such model.');
    expect((await world.list({ provider: 'nobody' })).hint).toContain('Known: scripted');
  });
});

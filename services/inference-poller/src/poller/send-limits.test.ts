import { type RunLimit, setPause, setRunLimit } from '@inferry/database';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
/** Runs in the order in which the platform read their submits. */
let sent: string[];
beforeEach(async () => {
  world = await createWorld();
  sent = [];
});
afterEach(() => world.close());

const limit = (changes: Partial<RunLimit>) =>
  setRunLimit(world.database, { scope: 'subject', value: '*', ...changes });
const startAs = (principal: typeof alice) => world.start({}, { principal });
const many = (count: number, principal = alice) =>
  Promise.all(Array.from({ length: count }, () => startAs(principal)));
const running = async () =>
  (await world.database.queries.selectFrom('runs').select('run_id').where('phase', '=', 'running').execute())
    .length;

/** Whatever is sent runs until somebody says that it ends. */
function runsOn(): { end(): void } {
  world.platform.submitScripts = Array.from({ length: 400 }, () => ({ runId }, accept) => {
    sent.push(runId);
    accept();
  });
  return {
    end: () => {
      world.platform.endsAs = succeeded();
    },
  };
}

describe('a limit on what is under way', () => {
  it('of each tenant is shared by all replicas, and goes on as runs end', async () => {
    const all = runsOn();
    await limit({ atOnce: 3 });
    await world.addReplica();
    await world.addReplica();
    const ids = await many(12);
    await vi.waitFor(() => expect(sent).toHaveLength(3));

    const own = await startAs(bob);
    await vi.waitFor(() => expect(sent).toContain(own));

    expect(await running()).toBeLessThanOrEqual(4);
    expect(sent).toHaveLength(4);
    all.end();
    await Promise.all(ids.map((id) => world.ended(id)));
    expect(world.platform.submitCount).toBe(13);
  });

  it('of a platform goes by turns, whoever has more to send', async () => {
    const all = runsOn();
    await limit({ scope: 'provider', value: 'scripted', atOnce: 1 });
    await world.addReplica();
    const [first] = [await startAs(alice)];
    await vi.waitFor(() => expect(sent).toEqual([first]));
    await many(10);
    const own = await startAs(bob);

    all.end();

    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(2), 30_000);
    expect(sent.slice(0, 3)).toContain(own);
  });

  it('is told to whoever asks for a run that waits: why, and its place', async () => {
    runsOn();
    await limit({ scope: 'subject', value: 'alice', atOnce: 1 });
    await world.addReplica();
    await startAs(alice);
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    await world.start();
    const last = await world.start();

    await vi.waitFor(async () =>
      expect(await world.get(last)).toMatchObject({
        run: { status: 'queued', queue_position: 2 },
        diagnosis:
          'It waits for its turn: you have as many runs under way as there may be at once here (1). 1 of yours are before it.',
      }),
    );
    expect((await world.get(last)).isError).toBe(false);
  });

  it('and a pause hold for a run that its platform never got as for one that was not sent', async () => {
    world.platform.endsAs = succeeded();
    world.platform.submitScripts = [
      ({ runId }) => {
        sent.push(runId);
        throw new TypeError('socket hang up');
      },
    ];
    await world.addReplica();
    const id = await startAs(alice);
    await world.reached(id, 'submitting');
    const pause = { mode: 'pause', reason: '', at: 0 } as const;
    await setPause(world.database.queries, { provider: 'scripted', pause });

    // Once the platform has said often enough that it does not have it.
    await world.reached(id, 'queued');
    await vi.waitFor(async () => expect((await world.row(id)).lease_owner).toBeNull());
    expect(world.platform.submitCount).toBe(0);
    await setPause(world.database.queries, { provider: 'scripted', pause: undefined });

    expect((await world.ended(id)).status).toBe('succeeded');
    expect(sent).toEqual([id]);
    expect(world.platform.submitCount).toBe(1);
  });

  it('and a pause of the platform are told apart', async () => {
    await world.addReplica();
    const pause = { mode: 'pause', reason: '', at: 0 } as const;
    await setPause(world.database.queries, { provider: 'scripted', pause });
    const id = await startAs(alice);

    expect((await world.get(id)).diagnosis).toBe(
      'It waits for its turn: scripted is paused here. It is the next of yours.',
    );
  });

  it('lets runs end at their deadline that never get their turn, and be stopped', async () => {
    runsOn();
    await limit({ atOnce: 1 });
    await world.addReplica();
    await startAs(alice);
    await vi.waitFor(() => expect(sent).toHaveLength(1));
    const stopped = await startAs(alice);
    const late = await world.start({ options: { ttl_seconds: 60 } });

    await world.cancel(stopped);
    world.skipped += 61_000;

    expect((await world.ended(late)).status).toBe('expired');
    expect((await world.row(stopped)).status).toBe('cancelled');
    expect(sent).toHaveLength(1);
  });

  it('that is changed holds within seconds, without a restart', async () => {
    runsOn();
    await limit({ atOnce: 1 });
    await world.addReplica();
    await many(4);
    await vi.waitFor(() => expect(sent).toHaveLength(1));

    await limit({ atOnce: 3 });
    world.skipped += 6_000;

    await vi.waitFor(() => expect(sent).toHaveLength(3));
  });
});

describe('a limit on how often is sent', () => {
  it('holds in any window, and goes on by itself', async () => {
    runsOn();
    world.platform.endsAs = succeeded();
    await limit({ rate: { count: 2, windowMs: 60_000 } });
    await world.addReplica();
    const ids = await many(5);
    await vi.waitFor(() => expect(sent).toHaveLength(2));

    for (const id of sent) await world.ended(id);
    await vi.waitFor(async () => {
      const waiting = ids.find((id) => !sent.includes(id)) ?? '';
      expect((await world.get(waiting)).diagnosis).toMatch(
        /as many runs sent as there may be \(2 in a minute\)/,
      );
    });
    world.skipped += 59_000;
    await startAs(bob);
    await vi.waitFor(() => expect(sent).toHaveLength(3));
    world.skipped += 5_000;

    await vi.waitFor(() => expect(sent).toHaveLength(5));
  });
});

describe('a limit on runs that have not ended', () => {
  it('of a tenant refuses one more, and nobody else’s', async () => {
    runsOn();
    await limit({ value: 'alice', open: 2, atOnce: 1 });
    await world.addReplica();
    await many(2);

    expect((await world.run()).error).toMatchObject({ code: 'too_many_runs', retry_after_seconds: 30 });
    await startAs(bob);
  });
});

describe('ten thousand queued runs of one tenant', () => {
  it.each([
    ['without a limit', {}],
    ['with one on each', { atOnce: 4 }],
  ])(
    'let another’s single run go first: %s',
    async (_, rules) => {
      world.platform.endsAs = succeeded();
      await limit(rules);
      await floodOf(10_000);
      world.platform.submitScripts = Array.from({ length: 10_500 }, () => ({ runId }, accept) => {
        sent.push(runId);
        accept();
      });
      await world.addReplica({ limits: { maxSubmits: 16 } });
      await vi.waitFor(() => expect(sent.length).toBeGreaterThan(0), 30_000);

      const own = await startAs(bob);
      const before = sent.length;
      await vi.waitFor(() => expect(sent).toContain(own), 30_000);

      // Those that were taken already, and those of a look that was under way.
      expect(sent.indexOf(own) - before).toBeLessThan(64);
    },
    120_000,
  );
});

/** So many runs like one that was accepted, before any replica is there. */
async function floodOf(count: number): Promise<void> {
  const { gate, service } = await world.addReplica({
    limits: { maxSubmits: 1 },
    timings: { tickMs: 3_600_000 },
  });
  const { queries } = world.database;
  await world.database.queries
    .insertInto('provider_pauses')
    .values({ provider: 'scripted', mode: 'pause', reason: '', at: 0 })
    .execute();
  const first = await world.start();
  await service.close();
  gate.crash();
  const columns = Object.keys(await world.row(first)).filter(
    (name) => name !== 'run_id' && name !== 'idempotency_key',
  );
  const names = sql.join(columns.map((name) => sql.ref(name)));
  await sql`
    with recursive number(n) as (select 1 union all select n + 1 from number where n < ${count - 1})
    insert into runs (run_id, idempotency_key, ${names})
    select ${first} || n, 'flood' || n, ${names} from runs, number where run_id = ${first}`.execute(queries);
  await queries.deleteFrom('provider_pauses').execute();
}

import { setTimeout as sleep } from 'node:timers/promises';
import { setBudget } from '@inferry/database';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../runs/verify-ledger.ts';
import { succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings, type World } from '../testing/world.ts';

const refs = ['a', 'b', 'c'];

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const), ref: fc.constantFrom(...refs) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), ref: fc.constantFrom(...refs) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), ref: fc.constantFrom(...refs) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('crash' as const), ref: fc.constant('') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose events' as const), ref: fc.constant('') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut a submit' as const), ref: fc.constant('') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut a poll' as const), ref: fc.constant('') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass time' as const), ref: fc.constant('') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('breathe' as const), ref: fc.constant('') }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What callers and fate do, each without waiting for what it leads to. */
async function act(world: World, { do: what, ref }: Action, ids: Map<string, string>): Promise<void> {
  switch (what) {
    case 'run':
      void world
        .run({ client_ref: ref, wait_seconds: 0 }, { timeoutMs: 3_000 })
        .then(({ run }) => run && expectSameRun(ids, ref, run.run_id))
        .catch(() => undefined);
      break;
    case 'cancel':
      void world.cancel(ids.get(ref) ?? 'run_none', { timeoutMs: 3_000 }).catch(() => undefined);
      break;
    case 'end': {
      const job = [...world.platform.jobs.values()].find(({ runId }) => runId === ids.get(ref));
      if (job?.view.status === 'running') job.view = succeeded();
      break;
    }
    case 'crash':
      world.replicas.at(-1)?.gate.crash();
      await world.addReplica();
      break;
    case 'lose events':
      world.losesEvents = !world.losesEvents;
      break;
    case 'cut a submit':
      world.platform.submitScripts.push((_request, accept) => {
        if (world.platform.jobs.size % 2 === 0) accept();
        throw new TypeError('socket hang up');
      });
      break;
    case 'cut a poll':
      world.platform.pollErrors.push(new TypeError('socket hang up'));
      break;
    case 'pass time':
      world.skipped += fastTimings.leaseMs;
      break;
    case 'breathe':
      await sleep(3);
  }
}

function expectSameRun(ids: Map<string, string>, ref: string, runId: string): void {
  expect(ids.get(ref) ?? runId).toBe(runId);
  ids.set(ref, runId);
}

async function checkEverything(world: World): Promise<void> {
  const runs = await world.database.queries.selectFrom('runs').selectAll().execute();
  expect(new Set(runs.map(({ client_ref: ref }) => ref)).size).toBe(runs.length);
  for (const { run_id: runId } of runs) {
    const row = await world.ended(runId);
    const submits = world.platform.submits.get(runId) ?? 0;
    const { reserve = 0, release = 0, charge } = await world.ledger(runId);
    expect(submits).toBeLessThanOrEqual(1);
    expect(row.status).toMatch(/succeeded|cancelled/);
    expect(reserve + release).toBe(0);
    if (row.status === 'succeeded') expect([submits, charge]).toEqual([1, 70_000]);
    else expect(charge ?? 0).toBe(0);
    if (submits === 1) expect(world.platform.jobOf(runId).view.status).toBe(row.status);
  }
  expect((await verifyLedger(world.database)).examples).toEqual([]);
}

describe('any order of calls, crashes, lost events, cuts and cancels', () => {
  it('leaves each run submitted at most once, settled once, and none lost', async () => {
    const steps = fc.array(action, { minLength: 5, maxLength: 25 });
    const trial = async (actions: Action[]): Promise<void> => {
      const world = await createWorld();
      try {
        const budget = {
          subject: 'alice',
          period: 'total',
          currency: 'USD',
          limitMicros: 9_000_000,
        } as const;
        await setBudget(world.database.queries, budget);
        await world.addReplica();
        await world.addReplica();
        const ids = new Map<string, string>();
        for (const step of actions) await act(world, step, ids);

        world.losesEvents = false;
        world.platform.endsAs = succeeded();
        await world.addReplica();
        await sleep(10);
        world.skipped += fastTimings.leaseMs;

        await checkEverything(world);
      } finally {
        await world.close();
      }
    };

    await fc.assert(fc.asyncProperty(steps, trial), { numRuns: 80, interruptAfterTimeLimit: 60_000 });
  }, 120_000);
});

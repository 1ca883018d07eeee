import { createBus, createInProcessTransport } from '@inferry/bus';
import { runFinished, runProgressed } from '@inferry/contracts';
import { type Database, openDatabase, type RunState } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunWaiters } from './wait-for-run.ts';

const bus = createBus(createInProcessTransport(), { name: 'test' });
let database: Database;
let waiters: RunWaiters;
let reads: number;

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  reads = 0;
  const counted = database.queries.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      reads += 1;
      return result;
    },
  });
  waiters = new RunWaiters({
    bus,
    database: { ...database, queries: counted },
    timings: { rereadMs: 30, signOfLifeMs: 60 },
    onError: () => undefined,
  });
});

afterEach(async () => {
  waiters.close();
  await database.close();
});

function waitFor(runId: string, request: Partial<Parameters<RunWaiters['wait']>[0]> = {}): Promise<void> {
  return waiters.wait({ runId, version: 1, timeoutMs: 10_000, signals: [], ...request });
}

const finished = { subject: 'alice', status: 'succeeded', model: 'm', provider: 'p' } as const;

describe('RunWaiters', () => {
  it('reads the rows of five thousand waits in one query at a time, and wakes each by its event', async () => {
    const waits = Array.from({ length: 5_000 }, (_, index) => waitFor(`run_${index}`));
    await vi.waitFor(() => expect(reads).toBeGreaterThan(2));
    expect(reads).toBeLessThan(500);

    for (let index = 0; index < 5_000; index++)
      bus.publish(runFinished, { ...finished, run_id: `run_${index}`, version: 2 });

    await Promise.all(waits);
    expect(waiters.count).toBe(0);
  });

  it('does not read anything while nobody waits', async () => {
    await waitFor('run_1', { timeoutMs: 5 });
    const before = reads;
    await new Promise((resolve) => setTimeout(resolve, 100));

    expect(reads).toBe(before);
  });

  it('ignores an event that is older than what the waiter has seen', async () => {
    const states: (RunState | undefined)[] = [];
    const wait = waitFor('run_1', { version: 5, timeoutMs: 50, onState: (state) => states.push(state) });

    bus.publish(runProgressed, { run_id: 'run_1', subject: 'alice', version: 4, status: 'running' });
    bus.publish(runProgressed, {
      run_id: 'run_1',
      subject: 'alice',
      version: 6,
      status: 'running',
      progress: 0.5,
    });
    await wait;

    expect(states.filter((state) => state !== undefined)).toMatchObject([{ version: 6, progress: 0.5 }]);
  });

  it.each(['time', 'signal', 'close'])('ends with the %s', async (reason) => {
    const abort = new AbortController();
    const wait = waitFor('run_1', { timeoutMs: reason === 'time' ? 10 : 10_000, signals: [abort.signal] });

    if (reason === 'signal') abort.abort();
    if (reason === 'close') waiters.close();

    await wait;
    expect(waiters.count).toBe(0);
  });

  it('does not begin to wait when a signal has fired already', async () => {
    await waitFor('run_1', { signals: [AbortSignal.abort()] });

    expect(waiters.count).toBe(0);
  });
});

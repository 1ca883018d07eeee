import type { JobView } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const jobsOfProcess = { jobs: 'process' } as const;

/** A platform whose submits are announced; what happens around that is the test's own. `refusals`: how many then did not leave. */
function announceSubmits(around: {
  before?(runId: string): Promise<void>;
  after(runId: string, refusals: number): Promise<void>;
}): { refusals: number } {
  const { platform } = world;
  const open = platform.provider.bind(platform);
  const told = { refusals: 0 };
  platform.provider = () => {
    const provider = open();
    return {
      ...provider,
      announcesSubmit: true,
      submit: async (request, context) => {
        await around.before?.(request.runId);
        await context.guard?.announce();
        await around.after(request.runId, told.refusals);
        if (context.guard?.mayLeave() === false) {
          told.refusals += 1;
          throw new TypeError('aborted');
        }
        return provider.submit(request, context);
      },
    };
  };
  return told;
}

describe('two replicas', () => {
  it('that compete for 200 runs submit and charge each once', async () => {
    await world.addReplica();
    await world.addReplica();
    world.platform.endsAs = succeeded();

    const replies = await Promise.all(Array.from({ length: 200 }, () => world.run({ wait_seconds: 60 })));

    expect(replies.filter(({ run }) => run?.status === 'succeeded')).toHaveLength(200);
    expect(world.platform.submits.size).toBe(200);
    expect(world.platform.submitCount).toBe(200);
    const charges = await world.database.queries
      .selectFrom('ledger')
      .selectAll()
      .where('kind', '=', 'charge')
      .execute();
    expect(charges).toHaveLength(200);
  });

  it('share the work', async () => {
    const owners = new Set<string | null>();
    await world.addReplica({ limits: { maxSubmits: 4 } });
    await world.addReplica({ limits: { maxSubmits: 4 } });
    world.platform.submitScripts = Array.from({ length: 40 }, () => async ({ runId }) => {
      owners.add((await world.row(runId)).lease_owner);
      await new Promise((resolve) => setTimeout(resolve, 20));
    });

    await Promise.all(Array.from({ length: 40 }, () => world.run({ wait_seconds: 0 })));

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(40), 15_000);
    expect(owners.size).toBe(2);
  });
});

describe('a replica that dies', () => {
  it('is replaced by another one', async () => {
    const first = await world.addReplica();
    await world.addReplica();
    const runId = await world.start();
    await world.reached(runId, 'running');
    world.platform.capabilities = { ...world.platform.capabilities };
    first.gate.crash();
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('and comes back after its lease was taken overwrites nothing and sends nothing', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    world.platform.endsAs = succeeded();
    let isStalled = true;
    // The first replica hangs in its submit, and its heartbeat with it.
    const first = await world.addReplica({ timings: { renewMs: 60_000, submitTimeoutMs: 60_000 } });
    world.platform.submitScripts = [
      async (_request, accept) => {
        accept();
        if (isStalled) await held;
      },
    ];
    const runId = await world.start();
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    await world.addReplica();
    world.skipped += fastTimings.leaseMs;
    const row = await world.ended(runId);

    isStalled = false;
    letGo();
    await first.service.drain(200);

    expect(await world.row(runId)).toEqual(row);
    expect(world.platform.submitCount).toBe(1);
  });
});

describe('a process that is stopped for longer than its lease', () => {
  it('before a submit proves its lease first, or leaves it to whoever comes next', async () => {
    world.platform.endsAs = succeeded();
    let isFirst = true;
    const platform = world.platform;
    Object.defineProperty(platform, 'ready', {
      get: () => {
        // As after a SIGSTOP: the clock has jumped, and no heartbeat was sent.
        if (isFirst) world.skipped += fastTimings.leaseMs;
        isFirst = false;
        return { isReady: true };
      },
    });
    let submitsAtRecover: number | undefined;
    platform.onRecover = () => {
      submitsAtRecover ??= platform.submitCount;
      return { outcome: 'absent' };
    };
    await world.addReplica();

    const { run } = await world.run();

    expect(run?.status).toBe('succeeded');
    expect(submitsAtRecover ?? 0).toBe(0);
    expect(platform.submitCount).toBe(1);
  });

  it('between its word to the row and the call sends nothing, and it is sent later', async () => {
    const { platform } = world;
    platform.endsAs = succeeded();
    const recover = vi.fn(() => ({ outcome: 'unknown' as const }));
    platform.onRecover = recover;
    const told = announceSubmits({
      before: async (runId) => expect((await world.row(runId)).phase).toBe('queued'),
      after: async (runId, refusals) => {
        expect((await world.row(runId)).phase).toBe('submitting');
        if (refusals === 0) world.skipped += fastTimings.leaseMs;
      },
    });
    await world.addReplica();
    await world.addReplica();

    const { run } = await world.run();

    expect([run?.status, told.refusals, platform.submitCount]).toEqual(['succeeded', 1, 1]);
    expect(recover).not.toHaveBeenCalled();
  });
});

it('sends nothing that was written down as sent long ago, although nobody took its lease meanwhile', async () => {
  const { platform } = world;
  platform.endsAs = succeeded();
  const told = announceSubmits({
    after: async (runId, refusals) => {
      if (refusals > 0) return;
      world.skipped += fastTimings.submitTimeoutMs;
      // The process goes on, and its heartbeat gets the lease again.
      await vi.waitFor(async () => {
        const { lease_until: leasedUntil } = await world.row(runId);
        expect(Number(leasedUntil)).toBeGreaterThan(Date.now() + world.skipped);
      });
    },
  });
  await world.addReplica();

  const { run } = await world.run();

  expect([run?.status, told.refusals, platform.submitCount]).toEqual(['succeeded', 1, 1]);
});

describe('a lost event', () => {
  it('costs a tick and not the run', async () => {
    await world.addReplica();
    world.losesEvents = true;
    world.platform.endsAs = succeeded();

    expect((await world.run()).run?.status).toBe('succeeded');
  });
});

describe('a provider that pushes updates', () => {
  it('is watched, and its end is known before the next poll', async () => {
    const { promise: end, resolve } = Promise.withResolvers<void>();
    world.platform.capabilities = { ...world.platform.capabilities, watch: true };
    world.platform.watch = async function* (): AsyncIterable<JobView> {
      yield { status: 'running', upstreamStatus: 'x', progress: 0.4 };
      await end;
      yield succeeded();
    };
    await world.addReplica({
      timings: { pollSteps: [{ untilMs: Number.POSITIVE_INFINITY, everyMs: 60_000 }] },
    });
    const runId = await world.start();
    await vi.waitFor(async () => expect((await world.row(runId)).progress).toBe(0.4));

    resolve();

    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(world.platform.jobOf(runId).polls).toBe(0);
  });

  it('is polled when the stream ends early', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, watch: true };
    world.platform.watch = async function* (): AsyncIterable<JobView> {
      yield { status: 'running', upstreamStatus: 'x', progress: 0.4 };
      throw new Error('stream cut');
    };
    await world.addReplica();
    const runId = await world.start();
    await vi.waitFor(async () => expect((await world.row(runId)).progress).toBe(0.4));
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
  });
});

describe('a job that lives in a process', () => {
  beforeEach(() => {
    world.platform.capabilities = { ...world.platform.capabilities, ...jobsOfProcess };
  });

  it('stays with the replica that runs it, far longer than a lease', async () => {
    // Of its clock, which stands still while this machine is busy.
    const timings = { leaseMs: 60_000, renewMs: 20 };
    await world.addReplica({ timings });
    await world.addReplica({ timings });
    const runId = await world.start();
    const { lease_owner: owner } = await world.reached(runId, 'running');
    for (let third = 1; third <= 9; third++) {
      world.skipped += timings.leaseMs / 3;
      const renewed = Date.now() + world.skipped + timings.leaseMs / 2;
      await vi.waitFor(async () => expect((await world.row(runId)).lease_until).toBeGreaterThan(renewed));
      expect((await world.row(runId)).lease_owner).toBe(owner);
    }
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('is given up when it has taken its process down four times', async () => {
    const runId = await startAndKill();
    for (let kills = 1; kills < 4; kills++) await killHolder(runId, kills);
    world.platform.jobs.clear();
    await world.addReplica();

    const row = await world.ended(runId);

    expect(JSON.parse(row.error ?? '')).toMatchObject({ code: 'generate_failed' });
    expect(world.platform.submits.get(runId)).toBe(4);
  });

  async function startAndKill(): Promise<string> {
    const replica = await world.addReplica();
    const runId = await world.start();
    await world.reached(runId, 'running');
    replica.gate.crash();
    return runId;
  }

  async function killHolder(runId: string, kills: number): Promise<void> {
    world.platform.jobs.clear();
    world.skipped += fastTimings.leaseMs;
    const replica = await world.addReplica();
    await vi.waitFor(() => expect(world.platform.submits.get(runId)).toBe(kills + 1));
    await world.reached(runId, 'running');
    replica.gate.crash();
    world.skipped += fastTimings.leaseMs;
  }
});

describe('a drain', () => {
  it('hands a remote run over so that another replica ends it', async () => {
    const first = await world.addReplica();
    const runId = await world.start();
    await world.reached(runId, 'running');

    await first.service.drain(1_000);
    first.gate.crash();
    await world.addReplica();
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('answers those who wait that the run goes on', async () => {
    const first = await world.addReplica();
    const answered = world.run({ wait_seconds: 60 });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));

    await Promise.all([first.service.drain(1_000), first.bus.drain(1_000)]);

    const { run, isError } = await answered;
    expect(isError).toBe(false);
    expect(run?.status).toMatch(/queued|running/);
  });

  it('waits beyond its grace for the answer of a paid call that is out', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    world.platform.submitScripts = [
      async () => {
        ask();
        await answered;
      },
    ];
    const first = await world.addReplica({ timings: { ...fastTimings, submitTimeoutMs: 600_000 } });
    const runId = await world.start();
    await asked;
    let isStopped = false;
    const stopped = first.service.drain(50).then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isStopped).toBe(false);
    answer();

    await stopped;
    const row = () => world.row(runId);
    await vi.waitFor(async () => expect(await row()).toMatchObject({ phase: 'running', lease_owner: null }));
  });

  it('lets no paid call leave when its grace is over', async () => {
    const { platform } = world;
    platform.endsAs = succeeded();
    const announced = Promise.withResolvers<void>();
    const graceOver = Promise.withResolvers<void>();
    announceSubmits({
      after: async () => {
        announced.resolve();
        await graceOver.promise;
      },
    });
    const first = await world.addReplica();
    const runId = await world.start();
    await announced.promise;

    const drained = first.service.drain(1_000);
    // Timers end in their order: that of the grace is due before this one.
    await new Promise((resolve) => setTimeout(resolve, 50));
    graceOver.resolve();
    await drained;

    expect(platform.submitCount).toBe(0);
    first.gate.crash();
    await world.addReplica();
    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(platform.submitCount).toBe(1);
  });

  it('takes no further runs', async () => {
    const first = await world.addReplica();
    await first.service.drain(100);
    await world.start();
    await new Promise((resolve) => setTimeout(resolve, fastTimings.tickMs * 3));

    expect(world.platform.submitCount).toBe(0);
  });

  it('lets a job of its own process finish within the grace', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, ...jobsOfProcess };
    const first = await world.addReplica();
    const runId = await world.start();
    await world.reached(runId, 'running');
    const drained = first.service.drain(600_000);
    world.platform.set(runId, succeeded());

    await drained;

    expect((await world.row(runId)).status).toBe('succeeded');
  });

  it('stops a job of its own process after the grace, and another replica runs it again', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, ...jobsOfProcess };
    const first = await world.addReplica();
    const runId = await world.start();
    await world.reached(runId, 'running');

    await first.service.drain(200);

    expect(world.platform.jobOf(runId).cancels).toBe(1);
    expect(await world.row(runId)).toMatchObject({ lease_owner: null, phase: 'running' });
    first.gate.crash();
    world.platform.jobs.clear();
    world.platform.endsAs = succeeded();
    await world.addReplica();
    expect((await world.ended(runId)).status).toBe('succeeded');
  });
});

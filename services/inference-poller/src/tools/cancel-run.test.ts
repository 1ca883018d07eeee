import { AppError } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

async function submittedRun(): Promise<string> {
  await world.addReplica();
  const { run } = await world.run({ wait_seconds: 0 });
  const runId = run?.run_id ?? '';
  await vi.waitFor(async () => expect((await world.row(runId)).phase).toBe('running'));
  return runId;
}

describe('cancel_run', () => {
  it('confirms a stop that the platform confirms, and releases what was reserved', async () => {
    const runId = await submittedRun();

    const { outcome, run, isError } = await world.cancel(runId);

    expect({ outcome, status: run?.status, isError }).toEqual({
      outcome: 'confirmed',
      status: 'cancelled',
      isError: false,
    });
    expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000, charge: 0 });
  });

  it('is idempotent: the same answer again, and the platform is asked once', async () => {
    const runId = await submittedRun();
    await world.cancel(runId);

    expect((await world.cancel(runId)).outcome).toBe('confirmed');
    expect(world.platform.jobOf(runId).cancels).toBe(1);
  });

  it('says requested while the platform has not confirmed, and a late success is a success', async () => {
    const runId = await submittedRun();
    world.platform.onCancel = () => 'requested';

    const { outcome, run } = await world.cancel(runId);

    expect(outcome).toBe('requested');
    expect(run?.status).toBe('running');
    world.platform.set(runId, succeeded());
    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('says confirmed when the platform stops it a little later', async () => {
    const runId = await submittedRun();
    world.platform.onCancel = (job) => {
      job.view = {
        status: 'cancelled',
        upstreamStatus: 'CANCELLED',
        charged: { amount: 0.02, currency: 'USD' },
      };
      return 'requested';
    };

    const { outcome, run } = await world.cancel(runId);

    expect(outcome).toBe('confirmed');
    expect(run?.cost?.charged).toBe(0.02);
  });

  it('says unsupported when the platform cannot stop it, and the run goes on', async () => {
    const runId = await submittedRun();
    world.platform.onCancel = () => 'unsupported';

    const { outcome, run, text } = await world.cancel(runId);

    expect(outcome).toBe('unsupported');
    expect(run?.status).toBe('running');
    expect(text).toContain('is charged');
  });

  it('does not ask a provider that has no cancel', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, cancel: 'none' };
    const runId = await submittedRun();

    expect((await world.cancel(runId)).outcome).toBe('unsupported');
    expect(world.platform.jobOf(runId).cancels).toBe(0);
  });

  it('says that a run had finished before', async () => {
    const runId = await submittedRun();
    world.platform.set(runId, succeeded());
    await world.ended(runId);

    expect((await world.cancel(runId)).outcome).toBe('already_finished');
  });

  it('says that it had finished when the platform calls it too late', async () => {
    const runId = await submittedRun();
    world.platform.onCancel = (job) => {
      job.view = succeeded();
      return 'too_late';
    };

    expect((await world.cancel(runId)).outcome).toBe('already_finished');
  });

  it('ends a run at once that was never sent, and charges nothing', async () => {
    world.platform.submitScripts = Array.from({ length: 500 }, () => () => {
      throw new AppError('busy', 'No room.');
    });
    await world.addReplica();
    const { run } = await world.run({ wait_seconds: 0 });
    const runId = run?.run_id ?? '';
    await vi.waitFor(async () => expect((await world.row(runId)).poll_attempts).toBeGreaterThan(0));

    await vi.waitFor(async () => expect((await world.cancel(runId)).outcome).toBe('confirmed'));

    expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000 });
    expect(world.platform.submitCount).toBe(0);
  });

  it.each([new AppError('busy', 'No room.'), new TypeError('socket hang up')])(
    'during a submit that is not taken (%s) keeps it from being sent again',
    async (failure) => {
      const { promise: submitted, resolve: fail } = Promise.withResolvers<void>();
      world.platform.submitScripts = [
        async () => {
          await submitted;
          throw failure;
        },
      ];
      await world.addReplica();
      const runId = await world.start();
      await world.reached(runId, 'submitting');
      const cancelled = world.cancel(runId);
      await vi.waitFor(async () => expect((await world.row(runId)).cancel_requested_at).not.toBeNull());

      fail();

      expect((await cancelled).outcome).toBe('confirmed');
      expect(world.platform.submitCount).toBe(0);
      expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000 });
    },
  );

  it('is noticed also when the event is lost', async () => {
    const runId = await submittedRun();
    world.losesEvents = true;

    expect((await world.cancel(runId)).outcome).toBe('confirmed');
  });

  it('reaches a run that another replica keeps because its job lives there', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, jobs: 'process' };
    const runId = await submittedRun();
    await world.addReplica();

    const replies = [await world.cancel(runId), await world.cancel(runId)];

    expect(replies.map(({ outcome }) => outcome)).toEqual(['confirmed', 'confirmed']);
  });

  it('asks again when the platform could not be asked', async () => {
    const runId = await submittedRun();
    let isFirst = true;
    world.platform.onCancel = (job) => {
      if (isFirst) {
        isFirst = false;
        throw new Error('no network');
      }
      job.view = { status: 'cancelled', upstreamStatus: 'CANCELLED' };
      return 'confirmed';
    };

    expect((await world.cancel(runId)).outcome).toBe('confirmed');
  });

  it("does not know somebody else's run", async () => {
    const runId = await submittedRun();

    expect((await world.cancel(runId, { principal: bob })).error?.code).toBe('run_not_found');
  });

  it('makes run_model that waits for it fail with cancelled', async () => {
    await world.addReplica();
    const answered = world.run({ client_ref: 'c' });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));

    await world.cancel([...world.platform.submits.keys()][0] ?? '');

    expect((await answered).error).toMatchObject({
      code: 'cancelled',
      details: { run: { status: 'cancelled' } },
    });
  });
});

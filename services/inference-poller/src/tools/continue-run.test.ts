import type { Progress } from '@inferry/bus';
import { continueRun } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { bob, type CallSettings, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

function goOn(runId: string, settings: CallSettings = {}, waitSeconds?: number) {
  const wish = waitSeconds === undefined ? {} : { wait_seconds: waitSeconds };
  return world.call(continueRun, { run_id: runId, ...wish }, settings);
}

describe('continue_run', () => {
  it('answers as the call that was cut off would have, and submits nothing', async () => {
    const runId = await world.start();
    await world.reached(runId, 'running');
    const steps: Progress[] = [];
    const answered = goOn(runId, {
      onProgress: (step) => {
        steps.push(step);
        world.platform.set(runId, succeeded('hello'));
      },
    });

    const reply = await answered;

    expect(reply).toMatchObject({ isError: false, run: { run_id: runId, status: 'succeeded' } });
    expect(reply.run?.outputs).toMatchObject([{ text: 'hello' }]);
    expect(reply.replayed).toBeUndefined();
    expect(steps[0]?.data).toMatchObject({ run_id: runId });
    expect(world.platform.submitCount).toBe(1);
  });

  it('fails with the code of a run that failed, as the call itself and not as a replay', async () => {
    world.platform.endsAs = {
      status: 'failed',
      upstreamStatus: 'FAILED',
      error: { code: 'content_blocked', message: 'The prompt was refused.' },
    };
    const itself = await world.run({ client_ref: 'a' });
    const runId = itself.error?.details?.run?.run_id ?? '';

    const { isError, error } = await goOn(runId);

    expect(isError).toBe(true);
    expect(error).toEqual(itself.error);
  });

  it('answers running once the wait is over: its own, or the one that the client has left', async () => {
    const runId = await world.start();
    await world.reached(runId, 'running');

    const own = await goOn(runId, {}, 0);
    const left = await goOn(runId, { wait: { defaultSeconds: 0.1, maxSeconds: 0.1 } }, 600);

    expect([own.run?.status, left.run?.status]).toEqual(['running', 'running']);
    expect(own.run?.next_action).toContain('get_run(');
  });

  it("does not tell another's run from one that does not exist", async () => {
    const runId = await world.start();

    const foreign = await goOn(runId, { principal: bob });
    const unknown = await goOn('run_none', { principal: bob });

    expect(foreign.error).toMatchObject({ code: 'run_not_found' });
    expect(foreign.error?.message.replace(runId, '')).toBe(unknown.error?.message.replace('run_none', ''));
  });
});

import { expect } from 'vitest';
import { type CaseTable, expectSuccess } from './submit-cases.ts';
import { refusalOf } from './world.ts';

/** What becomes of a job that was taken. */
export const pollCases: CaseTable = {
  async server_error_on_read(world) {
    const { handle, view } = await world.submit();
    world.emulator.script({ on: ['status', 'result'], failFirst: { times: 1 } });

    const views = await world.follow(handle, [view]);

    expectSuccess(views.at(-1), world.subject.samples.happy.outputs);
  },

  async silent_upstream(world) {
    const { handle } = await world.submit();
    world.emulator.script({ on: ['status', 'result'], silent: true });
    const context = world.context(world.emulator.keys.valid, AbortSignal.timeout(200));

    const error = await refusalOf(() => world.provider.poll(handle, context));

    expect(context.signal.aborted).toBe(true);
    expect(error.code).not.toBe('internal');
  },

  async failed_job(world) {
    world.emulator.script({ states: ['running', 'failed'] });

    const end = (await world.run()).at(-1);

    expect(end?.status).toBe('failed');
    expect(end?.error?.message).not.toBe('');
    expect(end?.outputs ?? []).toEqual([]);
  },

  async terminal_not_success(world) {
    world.subject.trap?.(world.emulator);

    const end = (await world.run()).at(-1);

    expect(end?.status).toBe('failed');
    expect(end?.error?.message).toBeTruthy();
  },

  async cancelled_job(world) {
    world.emulator.script({ states: ['running', 'cancelled'] });

    expect((await world.run()).at(-1)?.status).toBe('cancelled');
  },

  async cancels(world) {
    world.emulator.script({ states: ['running'] });
    const { handle } = await world.submit();

    const result = await world.provider.cancel(handle, world.context());

    const { cancel } = world.provider.capabilities;
    if (cancel === 'none') expect(result).toBe('unsupported');
    else if (cancel === 'cosmetic') expect(result).not.toBe('confirmed');
    else {
      expect(['confirmed', 'requested']).toContain(result);
      expect((await world.follow(handle)).at(-1)?.status).toBe('cancelled');
    }
  },

  async expired_job(world) {
    world.emulator.script({ states: ['running', 'expired'] });

    // Which of the two it is, whoever polls judges by the age of the job.
    expect(['expired', 'not_found']).toContain((await world.run()).at(-1)?.status);
  },

  async unknown_status(world) {
    world.emulator.script({ states: ['unknown', 'unknown', 'succeeded'] });
    const { handle, view } = await world.submit();

    const first = await world.provider.poll(handle, world.context());
    const views = await world.follow(handle, [view, first]);

    expect(['running', 'queued']).toContain(first.status);
    expectSuccess(views.at(-1), world.subject.samples.happy.outputs);
  },

  async several_outputs(world) {
    const { several = world.subject.samples.happy } = world.subject.samples;
    world.emulator.script({ outputs: 3 });

    const end = (await world.run(several)).at(-1);

    expectSuccess(end, several.outputs);
    expect(end?.outputs).toHaveLength(3);
    expect(end?.isPartial ?? false).toBe(false);
  },

  async partial_output(world) {
    const { several = world.subject.samples.happy } = world.subject.samples;
    world.emulator.script({ outputs: 3, failedOutputs: 1 });

    const end = (await world.run(several)).at(-1);

    expect(end).toMatchObject({ status: 'succeeded', isPartial: true });
    expect(end?.outputs).toHaveLength(2);
  },

  async huge_output(world) {
    world.emulator.script({ outputBytes: 4 << 20 });

    const end = (await world.run()).at(-1);

    expect(end?.outputs?.every(({ url }) => url !== undefined)).toBe(true);
    expect(world.emulator.requests.filter(({ kind }) => kind === 'file')).toEqual([]);
  },
};

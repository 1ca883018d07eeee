import { expect } from 'vitest';
import type { ContractCase } from '../contract-cases.ts';
import type { JobView } from '../provider.ts';
import { refusalOf, type World } from './world.ts';

export type CaseTable = Partial<Record<ContractCase, (world: World) => Promise<void>>>;

/** What the poller reads as "it may have been taken" (`submit-run.ts`). */
const uncertainCodes = ['unavailable', 'upstream_malformed', 'deadline_exceeded', 'cancelled', 'internal'];

export function expectSuccess(view: JobView | undefined, kinds: readonly string[]): void {
  expect(view).toMatchObject({ status: 'succeeded' });
  expect(view?.outputs?.map(({ kind }) => kind)).toEqual(kinds);
  for (const { url, bytes, text, contentType } of view?.outputs ?? []) {
    expect([url, bytes, text].filter((content) => content !== undefined)).toHaveLength(1);
    expect(contentType).toMatch(/^[\w.+-]+\/[\w.+-]+/);
  }
}

/** What a submit can meet. */
export const submitCases: CaseTable = {
  async happy(world) {
    const views = await world.run();

    expectSuccess(views.at(-1), world.subject.samples.happy.outputs);
    expect(world.submissions()).toBe(1);
  },

  async happy_sync(world) {
    const { sync = world.subject.samples.happy } = world.subject.samples;

    const views = await world.run(sync);

    expectSuccess(views.at(-1), sync.outputs);
  },

  async happy_streamed(world) {
    const { streamed = world.subject.samples.happy } = world.subject.samples;
    const { handle } = await world.submit(streamed);
    const views: JobView[] = [];

    for await (const view of world.provider.watch?.(handle, world.context()) ?? []) views.push(view);

    expectSuccess(views.at(-1), streamed.outputs);
    expect(views.length).toBeGreaterThan(1);
  },

  async validation_error(world) {
    world.emulator.script({ refuse: 'validation' });

    const error = await world.refusedSubmit();

    expect(error.code).toBe('validation_failed');
    expect(error.details?.errors).not.toHaveLength(0);
    expect(error.upstreamStatus).toBeGreaterThanOrEqual(200);
  },

  async bad_key(world) {
    const error = await world.refusedSubmit(world.context(world.emulator.keys.revoked));

    expect(error.code).toBe('unauthorized');
    expect(world.emulator.jobs.size).toBe(0);
  },

  async no_credit(world) {
    const error = await world.refusedSubmit(world.context(world.emulator.keys.broke));

    expect(error.code).toBe('insufficient_credits');
    expect(world.emulator.jobs.size).toBe(0);
  },

  async unknown_model(world) {
    world.emulator.script({ refuse: 'unknown_model' });

    expect((await world.refusedSubmit()).code).toBe('model_not_found');
  },

  async rate_limited_with_hint(world) {
    world.emulator.script({ rate429: 1, retryAfterSeconds: 7 });

    const error = await world.refusedSubmit();

    expect(error).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 7 });
    expect(world.submissions()).toBe(1);
  },

  async rate_limited_without_hint(world) {
    world.emulator.script({ rate429: 1 });

    const error = await world.refusedSubmit();

    expect(error.code).toBe('rate_limited');
    expect(world.submissions()).toBe(1);
  },

  async server_error_on_submit(world) {
    world.emulator.script({ failFirst: { times: 99, status: 500 } });

    const error = await world.refusedSubmit();

    expect(uncertainCodes).toContain(error.code);
    expect(world.submissions()).toBe(1);
  },

  async slow_upstream(world) {
    world.emulator.script({ delayMs: 300, on: ['submit', 'status', 'result'] });

    const views = await world.run();

    expectSuccess(views.at(-1), world.subject.samples.happy.outputs);
  },

  async lost_submit_reply(world) {
    world.emulator.script({ dropReplyAfterAccept: true });
    const request = world.request(world.subject.samples.happy);
    const error = await refusalOf(() => world.provider.submit(request, world.context()));
    world.emulator.script({});

    const { runId, nativeId } = request;
    const submittedAt = new Date(world.emulator.now()).toISOString();
    const recovery = await world.provider.recover({ runId, nativeId, submittedAt }, world.context());

    expect(uncertainCodes).toContain(error.code);
    expect(world.submissions()).toBe(1);
    expect(recovery.outcome).toBe(world.provider.capabilities.recover ? 'found' : 'unknown');
    if (recovery.outcome !== 'found') return;
    const views = await world.follow(recovery.handle);
    expectSuccess(views.at(-1), world.subject.samples.happy.outputs);
  },

  async never_submitted(world) {
    const { nativeId } = world.subject.samples.happy;
    const submittedAt = new Date(world.emulator.now()).toISOString();

    const recovery = await world.provider.recover(
      { runId: world.nextRunId(), nativeId, submittedAt },
      world.context(),
    );

    expect(recovery.outcome).toBe(world.provider.capabilities.recover ? 'absent' : 'unknown');
  },
};

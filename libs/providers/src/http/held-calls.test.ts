import { AppError } from '@inferry/contracts';
import { afterEach, expect, it, vi } from 'vitest';
import type { JobView } from '../provider.ts';
import { HeldCalls, type HeldWork } from './held-calls.ts';

const done: JobView = { status: 'succeeded', upstreamStatus: 'completed' };
const open: HeldCalls[] = [];
afterEach(() => {
  for (const calls of open.splice(0)) calls.close();
});

function create(options = {}): HeldCalls {
  const calls = new HeldCalls({ title: 'Acme', graceMs: 20, ...options });
  open.push(calls);
  return calls;
}

it('answers with the end of a call that is fast', async () => {
  const { handle, view } = await create().start('run_1', async () => done);

  expect(view).toEqual(done);
  expect(typeof handle.job_id).toBe('string');
});

it('throws what is refused at once, and keeps nothing', async () => {
  const calls = create();
  const refused = calls.start('run_1', async () => {
    throw new AppError('rate_limited', 'slow down');
  });

  await expect(refused).rejects.toMatchObject({ code: 'rate_limited' });
  expect(calls.recover('run_1')).toEqual({ outcome: 'unknown' });
});

it('makes a failed job of a refusal that comes late', async () => {
  const calls = create();
  const { promise, reject } = Promise.withResolvers<JobView>();

  const { handle } = await calls.start('run_1', () => promise);
  const before = calls.poll(handle).status;
  reject(new AppError('content_blocked', 'no'));

  await vi.waitFor(() =>
    expect(calls.poll(handle)).toMatchObject({ status: 'failed', error: { code: 'content_blocked' } }),
  );
  expect(before).toBe('running');
});

it('is no job before it has left: what finds no connection is refused, however long that takes', async () => {
  const calls = create();
  const guard = { announce: async () => undefined, mayLeave: () => true };
  const connection = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<JobView>();
  const work: HeldWork = async ({ guard: asked }) => {
    await asked?.announce();
    await connection.promise;
    asked?.mayLeave();
    return answer.promise;
  };
  let isStarted = false;
  const unconnected = calls.start('run_1', work, { guard });
  unconnected.then(
    () => {
      isStarted = true;
    },
    () => undefined,
  );
  // Another one whose grace begins later has passed its own.
  await calls.start('run_2', () => answer.promise, {});

  expect(isStarted).toBe(false);
  connection.reject(new AppError('upstream_unavailable', 'no connection'));
  await expect(unconnected).rejects.toMatchObject({ code: 'upstream_unavailable' });
  expect(calls.recover('run_1')).toEqual({ outcome: 'unknown' });
});

it('is not found while it has not left: what was given up before is not the job of the call after it', async () => {
  const calls = create();
  const guard = { announce: async () => undefined, mayLeave: () => true };
  const upload = Promise.withResolvers<void>();
  const given = new AbortController();
  const givenUp = calls.start(
    'run_1',
    async ({ guard: asked }) => {
      await upload.promise;
      asked?.mayLeave();
      return done;
    },
    { guard, signal: given.signal },
  );
  given.abort();
  const lost = calls.start(
    'run_1',
    async ({ guard: asked }) => {
      asked?.mayLeave();
      throw new AppError('unavailable', 'the connection was reset');
    },
    { guard },
  );
  await expect(lost).rejects.toMatchObject({ code: 'unavailable' });

  expect(calls.recover('run_1')).toEqual({ outcome: 'unknown' });
  const left = await calls.start('run_1', () => new Promise(() => undefined));
  expect(calls.recover('run_1')).toEqual({ outcome: 'found', handle: left.handle });
  upload.resolve();
  await givenUp;
});

it('ends with its submit while it has not left, and outlives it afterwards', async () => {
  const calls = create();
  const ends: string[] = [];
  const given =
    (mayLeave: boolean, name: string): HeldWork =>
    async ({ guard, signal }) => {
      if (mayLeave) guard?.mayLeave();
      const { promise, reject } = Promise.withResolvers<JobView>();
      signal.addEventListener('abort', () => {
        ends.push(name);
        reject(new AppError('unavailable', 'given up'));
      });
      return promise;
    };
  const guard = { announce: async () => undefined, mayLeave: () => true };
  const submit = new AbortController();
  const options = { guard, signal: submit.signal };
  const waiting = calls.start('run_1', given(false, 'before'), options);
  await calls.start('run_2', given(true, 'after'), options);

  submit.abort();

  await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
  expect(ends).toEqual(['before']);
});

it('is handed over when its submit has no more time, since what has left goes on', async () => {
  const calls = create({ graceMs: 600_000 });
  const submit = new AbortController();
  const answer = Promise.withResolvers<JobView>();
  const guard = { announce: async () => undefined, mayLeave: () => true };
  const work: HeldWork = async (call) => {
    call.guard?.mayLeave();
    return answer.promise;
  };
  const started = calls.start('run_1', work, { guard, signal: submit.signal });

  submit.abort();

  const { handle, view } = await started;
  expect(view.status).toBe('running');
  answer.resolve(done);
  await vi.waitFor(() => expect(calls.poll(handle)).toEqual(done));
});

it('does not say of a call that broke off that it was free', async () => {
  const calls = create();
  const { promise, reject } = Promise.withResolvers<JobView>();

  const { handle } = await calls.start('run_1', () => promise);
  reject(new AppError('unavailable', 'broke off'));

  await vi.waitFor(() => expect(calls.poll(handle).error?.code).toBe('submit_unknown'));
});

it('finds a call of its own by the run, and knows nothing of others', async () => {
  const calls = create();
  const { handle } = await calls.start('run_1', async () => done);

  expect(calls.recover('run_1')).toEqual({ outcome: 'found', handle });
  expect(calls.recover('run_2')).toEqual({ outcome: 'unknown' });
  expect(create().poll(handle)).toMatchObject({ status: 'failed', error: { code: 'submit_unknown' } });
});

it('shows what is reported meanwhile', async () => {
  const calls = create();
  const { promise, resolve } = Promise.withResolvers<JobView>();
  const { handle } = await calls.start('run_1', ({ report }) => {
    report({ progress: 0.5 });
    return promise;
  });
  const seen: JobView[] = [];

  for await (const view of calls.watch(handle, { signal: AbortSignal.timeout(10_000) })) {
    seen.push(view);
    resolve(done);
  }

  expect(seen).toEqual([{ status: 'running', upstreamStatus: 'accepted', progress: 0.5 }, done]);
});

it('hangs up when it is cancelled', async () => {
  const calls = create();
  let heard: AbortSignal | undefined;
  const { handle } = await calls.start('run_1', ({ signal }) => {
    heard = signal;
    return Promise.withResolvers<JobView>().promise;
  });

  expect(calls.cancel(handle)).toBe('confirmed');
  expect(heard?.aborted).toBe(true);
  expect(calls.poll(handle).status).toBe('cancelled');
  expect(calls.cancel(handle)).toBe('too_late');
});

it('refuses one call too many', async () => {
  const calls = create({ maxRunning: 1 });
  await calls.start('run_1', () => Promise.withResolvers<JobView>().promise);

  await expect(calls.start('run_2', async () => done)).rejects.toMatchObject({ code: 'busy' });
});

it('keeps what a call ended with until its run has it, however many others end meanwhile', async () => {
  const calls = create();
  const first = await calls.start('run_1', async () => done);
  for (let index = 0; index < 100; index += 1) await calls.start(`run_other_${index}`, async () => done);
  const read = calls.poll(first.handle);
  calls.forget(first.handle);

  expect(read).toEqual(done);
  expect(calls.poll(first.handle)).toMatchObject({ status: 'expired' });
});

it('forgets nothing that is still under way', async () => {
  const calls = create();
  const { handle } = await calls.start('run_1', () => new Promise(() => undefined));
  calls.forget(handle);

  expect(calls.poll(handle)).toMatchObject({ status: 'running' });
});

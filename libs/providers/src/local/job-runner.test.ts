import { AppError, type JsonObject } from '@inferry/contracts';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InputFileError } from './input-file-error.ts';
import type { Job, JobSpec } from './job.ts';
import { JobRunner, type JobRunnerOptions } from './job-runner.ts';
import type { Script } from './testing/scripted-worker.ts';
import type { Fault } from './worker-pool.ts';

type Family = 'a' | 'b';

const faults: Fault[] = [];
let runner: JobRunner<Family> | undefined;
let runs = 0;

afterEach(async () => {
  await runner?.close();
  faults.length = 0;
});

describe('the queue', () => {
  it('runs a job on a worker and gives its outputs', async () => {
    const { submit, ended } = start();

    const view = await ended(submit({ act: 'answer' }));

    expect(view.status).toBe('succeeded');
    expect(view.outputs).toEqual([{ kind: 'text', contentType: 'text/plain', text: 'job 1 of this worker' }]);
    expect(view.progress).toBe(1);
    expect(view.charged).toEqual({ amount: 0, currency: 'USD' });
  });

  it('begins the job of a tenant who has none under way beside those of one who has all places', () => {
    const { submitFor, view } = start({ maxWorkers: 1, maxPerModel: 1 });
    const mine = [submitFor('a', { act: 'hang' }), submitFor('a', { act: 'hang' })];

    const others = submitFor('b', { act: 'hang' });
    const third = submitFor('c', { act: 'hang' });

    expect([...mine, others, third].map((job) => view(job).status)).toEqual([
      'running',
      'queued',
      'running',
      'queued',
    ]);
  });

  it('begins, of those who wait, one of whoever has least under way', async () => {
    const { submitFor, view, runner: own } = start({ maxWorkers: 2 });
    const [first] = ['a', 'a', 'a'].map((tenant) => submitFor(tenant, { act: 'hang' }));
    const [, second] = ['b', 'b'].map((tenant) => submitFor(tenant, { act: 'hang' }));
    if (first === undefined || second === undefined) throw new Error('nothing was submitted');

    own.cancel(first);
    const jobOfC = submitFor('c', { act: 'hang' });

    expect(view(jobOfC).status).toBe('running');
    expect(view(second).status).toBe('queued');
  });

  it('runs no more jobs at once than there are workers and says where the others are in line', () => {
    const { submit, view } = start({ maxWorkers: 1 });

    const [first, second, third] = [
      submit({ act: 'hang' }),
      submit({ act: 'hang' }),
      submit({ act: 'hang' }),
    ];

    expect(view(first).status).toBe('running');
    expect(view(second)).toMatchObject({ status: 'queued', queuePosition: 1 });
    expect(view(third)).toMatchObject({ status: 'queued', queuePosition: 2 });
  });

  it('lets another model pass while one model is at its limit', () => {
    const { submit, view } = start({ maxWorkers: 2, maxPerModel: 1 });
    const first = submit({ act: 'hang' }, 'a');
    const second = submit({ act: 'hang' }, 'a');

    const other = submit({ act: 'hang' }, 'b');

    expect([first, second, other].map((job) => view(job).status)).toEqual(['running', 'queued', 'running']);
  });

  it('refuses one job more than it holds as busy, with when to come back', () => {
    const { submit } = start({ maxWorkers: 1, maxQueued: 2 });
    for (const _ of [1, 2, 3]) submit({ act: 'hang' });

    const refusal = capture(() => submit({ act: 'hang' }));

    expect(refusal.code).toBe('busy');
    expect(refusal.retryable).toBe(true);
    expect(refusal.retryAfterSeconds).toBeGreaterThanOrEqual(1);
  });

  it('takes a run id that it knows as the same job', () => {
    const { runner: same } = start();
    const spec = toSpec({ act: 'hang' }, 'a');

    expect(same.submit(spec)).toBe(same.submit(spec));
  });
});

describe('cancelling', () => {
  it('frees the slot at once, even of a computation that never yields', async () => {
    const { submit, view, ended, runner: own } = start({ maxWorkers: 1 });
    const stuck = submit({ act: 'spin', progress: [0.5] });
    const next = submit({ act: 'answer' });
    await vi.waitFor(() => expect(view(stuck).progress).toBe(0.5), { timeout: 5000 });

    const isCancelled = own.cancel(stuck);

    expect(isCancelled).toBe(true);
    expect(view(stuck).status).toBe('cancelled');
    expect(view(next).status).toBe('running');
    expect((await ended(next)).status).toBe('succeeded');
    expect(faults).toEqual([]);
  });

  it('takes a waiting job out of the line', () => {
    const { submit, view, runner: own } = start({ maxWorkers: 1 });
    submit({ act: 'hang' });
    const second = submit({ act: 'hang' });
    const third = submit({ act: 'hang' });

    own.cancel(second);

    expect(view(second).status).toBe('cancelled');
    expect(view(third).queuePosition).toBe(1);
  });

  it('is too late for a job that has ended', async () => {
    const { submit, ended, runner: own } = start();
    const job = submit({ act: 'answer' });
    await ended(job);

    expect(own.cancel(job)).toBe(false);
  });
});

describe('a job that goes wrong', () => {
  it('fails as validation_failed with what to do when the model refuses the input, and keeps the worker', async () => {
    const { submit, ended } = start();

    const view = await ended(submit({ act: 'refuse' }));
    const next = await ended(submit({ act: 'answer' }));

    expect(view.error).toEqual({
      code: 'validation_failed',
      message: 'text: it is not good. Send a better one.',
    });
    expect(next.outputs?.[0]?.text).toBe('job 2 of this worker');
  });

  it.each(['crash', 'exit', 'throw'] as const)(
    'fails alone when its worker dies by %s, and the next job gets a new worker',
    async (act) => {
      const { submit, ended } = start({ maxWorkers: 1 });
      const broken = submit({ act });
      const next = submit({ act: 'answer' });

      const view = await ended(broken);

      expect(view.error?.code).toBe('generate_failed');
      expect(view.error?.message).toContain('stopped unexpectedly');
      expect((await ended(next)).outputs?.[0]?.text).toBe('job 1 of this worker');
      expect(faults).toHaveLength(1);
    },
  );

  it('fails when it passes its deadline, and its worker is ended', async () => {
    const { submit, ended, runner: own } = start({ deadlineMs: 50 });

    const view = await ended(submit({ act: 'spin' }));

    expect(view.error?.message).toContain('took longer than');
    await vi.waitFor(() => expect(own.liveWorkers).toBe(0));
  });

  it('fails with the code of the file when an input file cannot be read', async () => {
    const { runner: own, ended } = start();
    const error = new InputFileError('upstream_failed', 'image: no answer.');
    const loadFiles = () => Promise.reject(error);

    const view = await ended(own.submit({ ...toSpec({ act: 'answer' }, 'a'), loadFiles }));

    expect(view.error).toEqual({ code: 'upstream_failed', message: 'image: no answer.' });
  });
});

describe('workers', () => {
  it('stay warm from one job to the next', async () => {
    const { submit, ended } = start();
    await ended(submit({ act: 'answer' }));

    const view = await ended(submit({ act: 'answer' }));

    expect(view.outputs?.[0]?.text).toBe('job 2 of this worker');
  });

  it('are ended when they have been idle for long enough', async () => {
    const { submit, ended, runner: own } = start({ idleMs: 20 });
    await ended(submit({ act: 'answer' }));

    await vi.waitFor(() => expect(own.liveWorkers).toBe(0));
  });

  it('are not kept warm beyond the limit', async () => {
    const { submit, ended, runner: own } = start({ maxIdle: 1, maxWorkers: 1 });
    await ended(submit({ act: 'answer' }, 'a'));

    await ended(submit({ act: 'answer' }, 'b'));

    expect(own.liveWorkers).toBe(1);
  });
});

describe('finished jobs', () => {
  it('are forgotten after their time', async () => {
    const { submit, ended, runner: own } = start({ keepMs: 20 });
    const job = submit({ act: 'answer' });
    await ended(job);

    await vi.waitFor(() => expect(own.find({ jobId: job.id })).toBeUndefined());
    expect(own.find({ runId: job.runId })).toBeUndefined();
  });

  it('are forgotten oldest first when there are too many', async () => {
    const { submit, ended, runner: own } = start({ maxJobs: 1 });
    const old = submit({ act: 'answer' });
    await ended(old);
    const young = submit({ act: 'answer' });
    await ended(young);

    expect(own.find({ jobId: old.id })).toBeUndefined();
    expect(own.find({ jobId: young.id })).toBe(young);
  });
});

it('fails live jobs and refuses new ones once it is closed', async () => {
  const { submit, view, runner: own } = start({ maxWorkers: 1 });
  const jobs = [submit({ act: 'hang' }), submit({ act: 'hang' })];

  await own.close();

  expect(jobs.map((job) => view(job).error?.code)).toEqual(['upstream_failed', 'upstream_failed']);
  expect(own.liveWorkers).toBe(0);
  expect(capture(() => submit({ act: 'answer' })).code).toBe('unavailable');
});

function start(options: Partial<JobRunnerOptions<Family>> = {}) {
  const own = new JobRunner<Family>({
    workerFile: () => new URL('./testing/scripted-worker.ts', import.meta.url),
    maxWorkers: 2,
    maxPerModel: 2,
    maxQueued: 8,
    maxIdle: 2,
    idleMs: 60_000,
    deadlineMs: 60_000,
    keepMs: 60_000,
    maxJobs: 16,
    maxBytes: 1 << 20,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  runner = own;
  return {
    runner: own,
    submit: (script: Script, family: Family = 'a') => own.submit(toSpec(script, family)),
    submitFor: (tenant: string, script: Script) => own.submit({ ...toSpec(script, 'a'), tenant }),
    view: (job: Job<Family>) => own.view(job),
    ended: async (job: Job<Family>) => {
      await vi.waitFor(() => expect(job.outcome).toBeDefined(), { timeout: 10_000, interval: 5 });
      return own.view(job);
    },
  };
}

function toSpec(script: Script, family: Family): JobSpec<Family> {
  runs += 1;
  const input: JsonObject = { ...script };
  return { runId: `run-${runs}`, nativeId: `model-${family}`, family, input, loadFiles: async () => ({}) };
}

function capture(act: () => unknown): AppError {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('nothing was refused');
}

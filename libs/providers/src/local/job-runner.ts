import { randomUUID } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import type { JobView } from '../provider.ts';
import { FinishedJobs, type FinishedJobsOptions } from './finished-jobs.ts';
import { InputFileError } from './input-file-error.ts';
import { Job, type JobOutcome, type JobSpec } from './job.ts';
import { type TaskResult, WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

export interface JobRunnerOptions<F extends string> extends WorkerPoolOptions<F>, FinishedJobsOptions {
  /** Jobs that compute at the same time, over all models; as many more are of tenants who would have none otherwise. */
  maxWorkers: number;
  /** Of them, on one model; likewise. */
  maxPerModel: number;
  /** Jobs that wait for their turn. */
  maxQueued: number;
  /** The longest that a job may take once it has its turn. */
  deadlineMs: number;
}

/** A bounded queue of jobs in front of the worker threads. */
export class JobRunner<F extends string> {
  readonly #options: JobRunnerOptions<F>;
  readonly #pool: WorkerPool<F>;
  readonly #finished: FinishedJobs<F>;
  readonly #jobs = new Map<string, Job<F>>();
  readonly #jobIdByRun = new Map<string, string>();
  readonly #running = new Set<Job<F>>();
  #queue: Job<F>[] = [];
  #isClosed = false;
  /** Moving average, for the advice in `busy`. */
  #secondsPerJob = 2;

  constructor(options: JobRunnerOptions<F>) {
    this.#options = options;
    this.#pool = new WorkerPool(options);
    this.#finished = new FinishedJobs(options, (job) => {
      this.#jobs.delete(job.id);
      if (this.#jobIdByRun.get(job.runId) === job.id) this.#jobIdByRun.delete(job.runId);
    });
  }

  get liveWorkers(): number {
    return this.#pool.size;
  }

  /** Takes the job or throws `busy` with nothing taken; the same run id again is the same job. */
  submit(spec: JobSpec<F>): Job<F> {
    if (this.#isClosed) throw new AppError('unavailable', 'The local models are shutting down. Try again.');
    const known = this.find({ runId: spec.runId });
    if (known !== undefined) return known;
    if (this.#queue.length >= this.#options.maxQueued) throw this.#busy();
    const job = new Job(randomUUID(), spec);
    this.#jobs.set(job.id, job);
    this.#jobIdByRun.set(job.runId, job.id);
    this.#queue.push(job);
    this.#pump();
    return job;
  }

  find(by: { jobId: string } | { runId: string }): Job<F> | undefined {
    const id = 'jobId' in by ? by.jobId : this.#jobIdByRun.get(by.runId);
    return id === undefined ? undefined : this.#jobs.get(id);
  }

  /** The job now; position 1 is next in line. */
  view(job: Job<F>): JobView {
    const index = this.#queue.indexOf(job);
    return job.view(index === -1 ? undefined : index + 1);
  }

  /** Ends a live job at once, with its worker; false when it had ended before. */
  cancel(job: Job<F>): boolean {
    if (job.outcome !== undefined) return job.outcome.status === 'cancelled';
    this.#finish(job, { status: 'cancelled' });
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const stopped = failure('upstream_failed', 'The server stopped before the run was done. Run it again.');
    for (const job of [...this.#queue, ...this.#running]) this.#finish(job, stopped);
    this.#finished.clear();
    await this.#pool.close();
  }

  #pump(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const started = next;
      this.#queue = this.#queue.filter((job) => job !== started);
      this.#running.add(started);
      void this.#execute(started);
    }
    for (const job of this.#queue) job.notify();
  }

  /** Of those that may start, one of whoever has least under way, and of theirs the one that waited longest. */
  #next(): Job<F> | undefined {
    const ready = this.#queue.filter((job) => this.#mayStart(job));
    const least = Math.min(...ready.map((job) => this.#countRunning({ tenant: job.tenant })));
    return ready.find((job) => this.#countRunning({ tenant: job.tenant }) === least);
  }

  #mayStart({ tenant, nativeId }: Job<F>): boolean {
    const { maxWorkers, maxPerModel } = this.#options;
    // Whoever has nothing under way shares the processor with those who have all of it.
    const places = this.#running.size > 0 && this.#countRunning({ tenant }) === 0 ? 2 : 1;
    return (
      this.#running.size < places * maxWorkers && this.#countRunning({ nativeId }) < places * maxPerModel
    );
  }

  #countRunning(by: { tenant: string } | { nativeId: string }): number {
    const isOne = (job: Job<F>) => ('tenant' in by ? job.tenant === by.tenant : job.nativeId === by.nativeId);
    return [...this.#running].filter(isOne).length;
  }

  /** Never rejects: whatever goes wrong becomes the job's outcome. */
  async #execute(job: Job<F>): Promise<void> {
    const startedAt = performance.now();
    const timer = setTimeout(() => this.#finish(job, this.#overdue()), this.#options.deadlineMs);
    try {
      const result = await this.#compute(job);
      if (result !== undefined) this.#finish(job, toOutcome(result));
    } catch (error) {
      if (error instanceof InputFileError) this.#finish(job, failure(error.code, error.message));
      else {
        this.#options.onFault({ nativeId: job.nativeId, reason: String(error) });
        this.#finish(job, failure('generate_failed', 'The run could not be started. Run it again.'));
      }
    } finally {
      clearTimeout(timer);
      this.#secondsPerJob += ((performance.now() - startedAt) / 1000 - this.#secondsPerJob) / 8;
    }
  }

  /** Nothing when the job ended before it reached a worker. */
  async #compute(job: Job<F>): Promise<TaskResult | undefined> {
    const { spec } = job;
    if (spec === undefined) return undefined;
    job.advance('reading_input');
    const files = await spec.loadFiles(job.ended.signal);
    if (job.outcome !== undefined) return undefined;
    job.advance('running');
    const { family, nativeId, input } = spec;
    const task = this.#pool.run(family, { jobId: job.id, nativeId, input, files }, (fraction) =>
      job.progress(fraction),
    );
    job.ended.signal.addEventListener('abort', () => task.stop(), { once: true });
    return await task.result;
  }

  #finish(job: Job<F>, outcome: JobOutcome): void {
    if (job.outcome !== undefined) return;
    job.finish(outcome);
    this.#queue = this.#queue.filter((queued) => queued !== job);
    this.#running.delete(job);
    this.#finished.keep(job);
    if (!this.#isClosed) this.#pump();
  }

  #busy(): AppError {
    const seconds = Math.ceil(this.#secondsPerJob / this.#options.maxWorkers);
    return new AppError('busy', `The local models have ${this.#queue.length} runs waiting already.`, {
      retryAfterSeconds: Math.min(60, Math.max(1, seconds)),
      nextAction: 'Try again then, or run a model of another provider. Nothing was run or charged.',
    });
  }

  #overdue(): JobOutcome {
    const seconds = Math.round(this.#options.deadlineMs / 1000);
    return failure(
      'generate_failed',
      `The run took longer than ${seconds} s and was stopped. Send a smaller input.`,
    );
  }
}

function toOutcome(result: TaskResult): JobOutcome {
  switch (result.type) {
    case 'succeeded':
      return { status: 'succeeded', outputs: result.outputs };
    case 'refused':
      return failure('validation_failed', result.message);
    case 'failed':
      return failure('generate_failed', result.message);
  }
}

function failure(code: NonNullable<JobView['error']>['code'], message: string): JobOutcome {
  return { status: 'failed', error: { code, message } };
}

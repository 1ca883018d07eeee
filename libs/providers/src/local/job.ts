import type { JobView } from '../provider.ts';
import type { WorkerFamily } from './worker-files.ts';
import type { WorkerOutput, WorkerRequest } from './worker-protocol.ts';

/** What is to be run. */
export interface JobSpec<F extends string = WorkerFamily> {
  runId: string;
  /** Whose it is; those of nobody in particular share one turn. */
  tenant?: string | undefined;
  nativeId: string;
  family: F;
  input: WorkerRequest['input'];
  /** Reads the input files once the job has its turn, so that a full queue holds none in memory. */
  loadFiles(signal: AbortSignal): Promise<WorkerRequest['files']>;
}

export type JobOutcome =
  | { status: 'succeeded'; outputs: WorkerOutput[] }
  | { status: 'failed'; error: NonNullable<JobView['error']> }
  | { status: 'cancelled' };

const pollAfterMs = 500;

/** One job from submit to its outcome; whoever watches it is told of each change. */
export class Job<F extends string = WorkerFamily> {
  readonly id: string;
  readonly runId: string;
  readonly tenant: string;
  readonly nativeId: string;
  /** Aborted when the job ends for any reason. */
  readonly ended = new AbortController();
  #spec: JobSpec<F> | undefined;
  #step: 'queued' | 'reading_input' | 'running' = 'queued';
  #progress = 0;
  #outcome: JobOutcome | undefined;
  #waiters: (() => void)[] = [];

  constructor(id: string, spec: JobSpec<F>) {
    this.id = id;
    this.runId = spec.runId;
    this.tenant = spec.tenant ?? '';
    this.nativeId = spec.nativeId;
    this.#spec = spec;
  }

  /** Gone once the job has ended, so that a kept job holds no more than its outputs. */
  get spec(): JobSpec<F> | undefined {
    return this.#spec;
  }

  get outcome(): JobOutcome | undefined {
    return this.#outcome;
  }

  get outputBytes(): number {
    if (this.#outcome?.status !== 'succeeded') return 0;
    return this.#outcome.outputs.reduce((sum, output) => sum + (output.bytes?.byteLength ?? 0), 0);
  }

  advance(step: 'reading_input' | 'running'): void {
    this.#step = step;
    this.notify();
  }

  progress(fraction: number): void {
    this.#progress = Math.min(1, Math.max(this.#progress, fraction));
    this.notify();
  }

  finish(outcome: JobOutcome): void {
    this.#outcome = outcome;
    this.#spec = undefined;
    this.ended.abort();
    this.notify();
  }

  /** Settles at the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  view(queuePosition: number | undefined): JobView {
    const outcome = this.#outcome;
    if (outcome === undefined) {
      const status = this.#step === 'queued' ? 'queued' : 'running';
      const view: JobView = { status, upstreamStatus: this.#step, progress: this.#progress, pollAfterMs };
      return queuePosition === undefined ? view : { ...view, queuePosition };
    }
    const view = { status: outcome.status, upstreamStatus: outcome.status, charged: free };
    if (outcome.status === 'succeeded') return { ...view, progress: 1, outputs: outcome.outputs };
    return outcome.status === 'failed' ? { ...view, error: outcome.error } : view;
  }
}

const free = { amount: 0, currency: 'USD' };

import type { Job } from './job.ts';

export interface FinishedJobsOptions {
  keepMs: number;
  maxJobs: number;
  /** The outputs of all kept jobs together. */
  maxBytes: number;
}

interface Kept<F extends string> {
  job: Job<F>;
  timer: NodeJS.Timeout;
}

/** Finished jobs, kept for a while so that their outputs can be read; the oldest leave first when there are too many. */
export class FinishedJobs<F extends string> {
  readonly #options: FinishedJobsOptions;
  readonly #onDropped: (job: Job<F>) => void;
  readonly #kept = new Map<string, Kept<F>>();
  #bytes = 0;

  constructor(options: FinishedJobsOptions, onDropped: (job: Job<F>) => void) {
    this.#options = options;
    this.#onDropped = onDropped;
  }

  keep(job: Job<F>): void {
    const timer = setTimeout(() => this.#drop(job.id), this.#options.keepMs);
    timer.unref();
    this.#kept.set(job.id, { job, timer });
    this.#bytes += job.outputBytes;
    for (const id of this.#kept.keys()) {
      const isFull = this.#kept.size > this.#options.maxJobs || this.#bytes > this.#options.maxBytes;
      // The newest stays however large it is: nobody has read it yet.
      if (!isFull || id === job.id) return;
      this.#drop(id);
    }
  }

  clear(): void {
    for (const id of [...this.#kept.keys()]) this.#drop(id);
  }

  #drop(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    clearTimeout(kept.timer);
    this.#kept.delete(id);
    this.#bytes -= kept.job.outputBytes;
    this.#onDropped(kept.job);
  }
}

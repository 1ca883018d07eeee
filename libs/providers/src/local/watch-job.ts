import { setTimeout as sleep } from 'node:timers/promises';
import type { JobView } from '../provider.ts';

export interface WatchOptions {
  /** The shortest time between two views; changes in between are seen as one. */
  intervalMs: number;
  signal: AbortSignal;
}

interface Watched {
  changed(): Promise<void>;
  /** Aborted when the job has ended. */
  readonly ended: AbortController;
}

/** Yields the job's view at each change, the last one at once, and ends with it or with the signal. */
export async function* watchJob(
  job: Watched,
  view: () => JobView,
  { intervalMs, signal }: WatchOptions,
): AsyncGenerator<JobView> {
  const done = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { signal: done.signal });
  });
  try {
    while (!signal.aborted) {
      const changed = job.changed();
      const now = view();
      yield now;
      if (now.status !== 'queued' && now.status !== 'running') return;
      await pause(intervalMs, AbortSignal.any([job.ended.signal, signal]));
      await Promise.race([changed, aborted]);
    }
  } finally {
    done.abort();
  }
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: until });
  } catch {
    // The pause only spaces progress out: the end of the job cuts it short.
  }
}

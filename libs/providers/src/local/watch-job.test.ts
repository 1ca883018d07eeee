import { expect, it } from 'vitest';
import type { JobView } from '../provider.ts';
import { Job } from './job.ts';
import { watchJob } from './watch-job.ts';

const neverAborted = new AbortController().signal;

it('yields the last view at once and then ends', async () => {
  const job = newJob();
  const views = collect(job, { intervalMs: 60_000, signal: neverAborted });
  job.advance('running');

  job.finish({ status: 'cancelled' });

  expect((await views).map(({ status }) => status)).toEqual(['queued', 'cancelled']);
});

it('shows changes that come faster than the interval as one', async () => {
  const job = newJob();
  const views = collect(job, { intervalMs: 100, signal: neverAborted });
  const startedAt = performance.now();
  for (let step = 1; step <= 60; step += 1) {
    job.progress(step / 60);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const elapsedMs = performance.now() - startedAt;

  job.finish({ status: 'succeeded', outputs: [] });

  const seen = await views;
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.length).toBeLessThanOrEqual(3 + elapsedMs / 100);
});

it('ends early when the watcher goes away', async () => {
  const watcher = new AbortController();
  const views = collect(newJob(), { intervalMs: 1, signal: watcher.signal });

  watcher.abort();

  expect(await views).toHaveLength(1);
});

async function collect(job: Job, options: { intervalMs: number; signal: AbortSignal }): Promise<JobView[]> {
  const views: JobView[] = [];
  for await (const view of watchJob(job, () => job.view(undefined), options)) views.push(view);
  return views;
}

function newJob(): Job {
  const loadFiles = async () => ({});
  return new Job('job', { runId: 'run', nativeId: 'speech', family: 'speech', input: {}, loadFiles });
}

import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { findEndpoint } from './endpoints.ts';

/** The queue of an endpoint, and what its workers do. */
export function queueRoutes(emulator: Emulator): EmulatedRoute[] {
  const jobsOf = (endpoint: string | undefined) => {
    if (findEndpoint(endpoint ?? '') === undefined) throw emulator.refusal('unknown_model', endpoint);
    return [...emulator.jobs.values()].filter(({ model }) => model === endpoint);
  };
  return [
    {
      method: 'GET',
      path: '/:endpoint/health',
      kind: 'other',
      handle({ params }) {
        const jobs = jobsOf(params.endpoint);
        const count = (state: string) => jobs.filter((job) => job.state === state).length;
        return {
          jobs: {
            completed: count('succeeded'),
            failed: count('failed'),
            inProgress: count('running'),
            inQueue: count('queued'),
            retried: 0,
          },
          workers: { idle: 0, initializing: 1, ready: 0, running: count('running'), throttled: 0 },
        };
      },
    },
    {
      method: 'POST',
      path: '/:endpoint/purge-queue',
      kind: 'other',
      handle({ params }) {
        const queued = jobsOf(params.endpoint).filter(({ state }) => state === 'queued');
        for (const { id } of queued) emulator.jobs.delete(id);
        return { removed: queued.length, status: 'completed' };
      },
    },
  ];
}

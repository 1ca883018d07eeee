import { UnusableInput } from '../unusable-input.ts';
import { serveJobs } from '../workers/serve-jobs.ts';

/** A worker for tests of the queue and the pool: it does what the input says, and then answers with its thread's count of jobs. */
export interface Script {
  act: 'answer' | 'hang' | 'spin' | 'throw' | 'refuse' | 'crash' | 'exit';
  /** Reported one after another before anything else. */
  progress?: number[];
}

let jobs = 0;

serveJobs<Script>(async ({ input, progress }) => {
  jobs += 1;
  for (const fraction of input.progress ?? []) progress(fraction);
  await acts[input.act]();
  return [{ kind: 'text', contentType: 'text/plain', text: `job ${jobs} of this worker` }];
});

const acts: Record<Script['act'], () => Promise<void>> = {
  answer: async () => undefined,
  hang: () => new Promise(() => undefined),
  spin: async () => {
    for (;;);
  },
  throw: async () => {
    throw new Error('a bug');
  },
  refuse: async () => {
    throw new UnusableInput('text: it is not good. Send a better one.');
  },
  crash: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new Error('a crash outside the job');
      });
    }),
  exit: async () => process.exit(3),
};

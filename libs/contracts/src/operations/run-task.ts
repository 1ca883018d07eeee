import type { TaskMapping } from '../operation.ts';
import { isTerminal, Run } from '../shapes/run.ts';
import type { TaskState } from '../task.ts';
import { cancelRun } from './cancel-run.ts';
import { getRun } from './get-run.ts';

/** A run changes every few seconds at most; clients that want it sooner ask sooner. */
const pollMs = 2_000;

/**
 * A run as a task: its id, its record and its end are the run's. A run that failed is a task that completed
 * with an error, since the call itself was made (SEP-2663).
 */
export const runTask: TaskMapping = {
  idPrefix: 'run_',
  isRequired: false,
  read(reply) {
    const run = Run.safeParse(reply.run);
    return run.success ? toTask(run.data) : undefined;
  },
  get: (id) => ({ operation: getRun, input: { run_id: id } }),
  cancel: (id) => ({ operation: cancelRun, input: { run_id: id } }),
};

function toTask(run: Run): TaskState {
  const {
    run_id: id,
    status,
    created_at: createdAt = new Date(0).toISOString(),
    finished_at: finishedAt,
  } = run;
  return {
    id,
    status: status === 'cancelled' ? 'cancelled' : isTerminal(status) ? 'completed' : 'working',
    message: messageOf(run),
    createdAt,
    updatedAt: finishedAt ?? createdAt,
    ttlMs: null,
    pollMs,
    ...(status === 'failed' || status === 'expired' ? { isError: true } : {}),
  };
}

function messageOf({ status, progress, queue_position: position }: Run): string {
  if (isTerminal(status)) return status;
  if (progress !== undefined) return `${status}, ${Math.round(progress * 100)} %`;
  return position === undefined ? status : `${status}, position ${position}`;
}

import type { Handler, HandlerContext } from '@inferry/bus';
import { type CancelOutcome, type cancelRun, runCancelRequested } from '@inferry/contracts';
import { endQueuedRun, type RunRow, requestCancel } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { announceEnd, toRunEnd } from '../poller/end-run.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import { optionsOf, toShortRun } from '../runs/run-document.ts';
import { reread } from '../runs/wait-for-run.ts';

/** What remains for reading and sending the answer. */
const answerMs = 700;

/**
 * Stops a run and says honestly what became of it. The provider is asked by whoever holds the run, at once, since its
 * handle may mean something to one process only; this call waits a little for the answer. Asking again is harmless.
 */
export function handleCancelRun(deps: InferenceDeps): Handler<typeof cancelRun> {
  return async ({ run_id: runId }, context) => {
    const row = await findOwnRun(deps, context.principal, { runId });
    const { row: now, outcome } = await cancel(deps, row, context);
    return { run: toShortRun(now, {}), outcome };
  };
}

async function cancel(
  deps: InferenceDeps,
  row: RunRow,
  context: HandlerContext,
): Promise<{ row: RunRow; outcome: CancelOutcome }> {
  const decided = outcomeOf(row);
  if (decided !== undefined) return { row, outcome: decided };
  const { run_id: runId, subject } = row;
  const unsent = toRunEnd(deps, row, {
    status: 'cancelled',
    note: 'cancelled before it was sent',
    charge: 'none',
  });
  const ended = await endQueuedRun(deps.database, { runId, subject }, unsent);
  if (ended !== undefined) {
    announceEnd(deps, ended);
    return { row: ended, outcome: 'confirmed' };
  }
  const isImpossible = deps.providers.get(row.provider)?.capabilities.cancel === 'none';
  if (isImpossible) {
    const now = await reread(deps, row, context);
    return { row: now, outcome: outcomeOf(now) ?? 'unsupported' };
  }
  await requestCancel(deps.database.queries, { runId, subject, at: deps.now() });
  deps.bus.publish(runCancelRequested, { run_id: runId });
  return awaitOutcome(deps, row, context);
}

async function awaitOutcome(
  deps: InferenceDeps,
  row: RunRow,
  context: HandlerContext,
): Promise<{ row: RunRow; outcome: CancelOutcome }> {
  const { signal, draining } = context;
  const until = Math.min(Date.now() + deps.timings.cancelWaitMs, context.deadlineAt - answerMs);
  for (let now = row; ; ) {
    now = await reread(deps, now, context);
    const outcome = outcomeOf(now);
    if (outcome !== undefined) return { row: now, outcome };
    const timeoutMs = until - Date.now();
    if (timeoutMs <= 0 || signal.aborted || draining.aborted) {
      // "Too late" without an end in sight: the provider goes on with it.
      const isTooLate = optionsOf(now).cancel?.outcome === 'too_late';
      return { row: now, outcome: isTooLate ? 'unsupported' : 'requested' };
    }
    const { run_id: runId, version } = now;
    await deps.waiters.wait({
      runId,
      version,
      timeoutMs,
      signals: [signal, draining],
      forAnyChange: true,
      isStale: true,
    });
  }
}

function outcomeOf(row: RunRow): CancelOutcome | undefined {
  if (row.status === 'cancelled') return 'confirmed';
  if (row.phase === 'done') return 'already_finished';
  return optionsOf(row).cancel?.outcome === 'unsupported' ? 'unsupported' : undefined;
}

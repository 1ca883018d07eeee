import { AppError, argumentOf, type ErrorEnvelope, hint, isErrorCode, runModel } from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import { errorOf, toShortRun } from './run-document.ts';

/** Why a run did not succeed, as clients see it. */
export function failureOf(row: RunRow): ErrorEnvelope | undefined {
  const error = errorOf(row);
  if (error !== undefined) return error;
  if (row.status === 'cancelled') return { code: 'cancelled', message: 'The run was cancelled.' };
  return row.status === 'failed' ? { code: 'generate_failed', message: 'The run failed.' } : undefined;
}

/** A platform's words end as they like; what follows is a sentence of its own. */
function asSentence(words: string): string {
  const plain = words.trimEnd();
  return /[.!?…]$/.test(plain) ? plain : `${plain}.`;
}

/**
 * A call of `run_model` whose run ended without success has not done what it was for: it fails with the run's own
 * code (`generate_failed` where it has none, RF-64) and the run in `details.run`.
 */
export function runFailed(row: RunRow, replayed: boolean): AppError {
  const failure = failureOf(row);
  const code = failure !== undefined && isErrorCode(failure.code) ? failure.code : 'generate_failed';
  const message = failure?.message ?? 'The run did not succeed.';
  return new AppError(code, `${asSentence(message)} Run ${row.run_id}.`, {
    upstreamStatus: failure?.upstream_status,
    retryAfterSeconds: failure?.retry_after_seconds,
    nextAction:
      failure?.next_action ?? `Run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
    details: { ...failure?.details, run: toShortRun(row, {}), ...(replayed ? { replayed } : {}) },
  });
}

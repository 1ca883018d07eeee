import { AppError, callOf, hint, listRuns, type Principal } from '@inferry/contracts';
import { findRun, type RunRow } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';

/** A run of the caller. Somebody else's is answered exactly like one that does not exist. */
export async function findOwnRun(
  deps: Pick<InferenceDeps, 'database'>,
  { subject }: Pick<Principal, 'subject'>,
  key: { runId: string } | { clientRef: string },
): Promise<RunRow> {
  const row = await findRun(deps.database.queries, { subject, ...key });
  if (row !== undefined) return row;
  throw new AppError('run_not_found', 'You have no such run.', {
    nextAction: hint`${callOf(listRuns)} shows your runs.`,
  });
}

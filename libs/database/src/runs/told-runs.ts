import { sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';

/** A run whoever owns it: for what its provider has to say about it, never for a caller. */
export async function findAnyRun(queries: Queries, runId: string): Promise<RunRow | undefined> {
  return queries.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst();
}

/**
 * Takes one run whose submit is out, due or not; undefined when somebody holds it or there is nothing to follow. It is due
 * from now on: if whoever took it dies with what was told, the next one asks.
 */
export async function leaseToldRun(
  queries: Queries,
  lease: { runId: string; owner: string; now: number; leaseMs: number },
): Promise<RunRow | undefined> {
  const { runId, owner, now, leaseMs } = lease;
  return queries
    .updateTable('runs')
    .set({ lease_owner: owner, lease_until: now + leaseMs, next_poll_at: now, version: sql`version + 1` })
    .where('run_id', '=', runId)
    .where('phase', 'in', ['submitting', 'running'])
    .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
    .returningAll()
    .executeTakeFirst();
}

/** Makes a run whose submit is out due now. Keeps the version: whoever holds it goes on. */
export async function hastenToldRun(queries: Queries, run: { runId: string; now: number }): Promise<void> {
  await queries
    .updateTable('runs')
    .set({ next_poll_at: run.now })
    .where('run_id', '=', run.runId)
    .where('phase', 'in', ['submitting', 'running'])
    .where('next_poll_at', '>', run.now)
    .execute();
}

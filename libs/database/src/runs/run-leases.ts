import { sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

export interface LeaseRequest {
  owner: string;
  now: number;
  leaseMs: number;
  limit: number;
  /** Whose runs this replica can drive; a run past its deadline is taken whatever its provider. */
  providers: readonly string[];
}

/**
 * Takes runs that are due and that nobody holds, the longest overdue first. Each lease raises the row's version, so
 * that whoever held it before can no longer write.
 */
export async function leaseDueRuns(database: Database, request: LeaseRequest): Promise<RunRow[]> {
  const { owner, now, leaseMs, limit, providers } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('runs')
        .select('runs.run_id as due_id')
        .where('next_poll_at', '<=', now)
        .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
        .where((eb) => eb.or([eb('provider', 'in', [...providers, '']), eb('deadline_at', '<=', now)]))
        .orderBy('next_poll_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('runs')
    .set({ lease_owner: owner, lease_until: now + leaseMs, version: sql`version + 1` })
    .where('run_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returningAll()
    .execute();
}

/** Extends leases; what is missing in the answer has been lost to another owner or has ended. */
export async function renewLeases(
  queries: Queries,
  lease: { owner: string; runIds: readonly string[]; until: number },
): Promise<Pick<RunRow, 'run_id' | 'cancel_requested_at'>[]> {
  if (lease.runIds.length === 0) return [];
  return queries
    .updateTable('runs')
    .set({ lease_until: lease.until })
    .where('lease_owner', '=', lease.owner)
    .where('run_id', 'in', [...lease.runIds])
    .returning(['run_id', 'cancel_requested_at'])
    .execute();
}

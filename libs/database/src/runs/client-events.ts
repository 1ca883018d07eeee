/** What happened, oldest first and from a moment on: ends and timelines of a subject's runs, and lists of models. */
import type { Queries } from '../database.ts';

/** Longer than any run lives with the copying of its outputs: one that ends later began later. */
const longestMs = 8 * 3_600_000;

export interface SinceRequest {
  subject: string;
  /** Inclusive. */
  from: number;
  runId?: string | undefined;
  limit: number;
}

export async function listFinishedRuns(
  queries: Queries,
  { subject, from, runId, limit }: SinceRequest,
): Promise<{ run_id: string; status: string; model: string; client_ref: string | null; at: number }[]> {
  let query = queries
    .selectFrom('runs')
    .select(['run_id', 'status', 'model', 'client_ref', 'finished_at'])
    .where('subject', '=', subject)
    .where('created_at', '>', from - longestMs)
    .where('phase', '=', 'done')
    .where('finished_at', '>=', from);
  if (runId !== undefined) query = query.where('run_id', '=', runId);
  const rows = await query.orderBy('finished_at').orderBy('run_id').limit(limit).execute();
  return rows.map(({ finished_at: at, ...row }) => ({ ...row, at: Number(at) }));
}

export async function listTimelines(
  queries: Queries,
  { subject, from, runId, limit }: SinceRequest,
): Promise<{ run_id: string; seq: number; status: string; note: string; at: number }[]> {
  let query = queries
    .selectFrom('run_events')
    .innerJoin('runs', 'runs.run_id', 'run_events.run_id')
    .select(['run_events.run_id', 'run_events.seq', 'run_events.status', 'run_events.note', 'run_events.at'])
    .where('runs.subject', '=', subject)
    .where('runs.created_at', '>', from - longestMs)
    .where('run_events.at', '>=', from);
  if (runId !== undefined) query = query.where('runs.run_id', '=', runId);
  const rows = await query
    .orderBy('run_events.at')
    .orderBy('run_events.run_id')
    .orderBy('run_events.seq')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, seq: Number(row.seq), at: Number(row.at) }));
}

/** The last change of each platform's list. */
export async function listCatalogChanges(
  queries: Queries,
  { from, provider, limit }: { from: number; provider?: string | undefined; limit: number },
): Promise<{ provider: string; version: number; models: number; at: number }[]> {
  let query = queries
    .selectFrom('catalog_snapshots')
    .select(['provider', 'version', 'model_count', 'synced_at'])
    .where('synced_at', '>=', from);
  if (provider !== undefined) query = query.where('provider', '=', provider);
  const rows = await query.orderBy('synced_at').orderBy('provider').limit(limit).execute();
  return rows.map((row) => ({
    ...{ provider: row.provider, version: Number(row.version), models: Number(row.model_count) },
    at: Number(row.synced_at),
  }));
}

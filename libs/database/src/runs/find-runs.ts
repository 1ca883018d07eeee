import type { Queries } from '../database.ts';
import type { RunEventTable, RunRow } from '../schema.ts';

/** A run by its id or its caller's own key; another subject's run is as unknown as none. */
export async function findRun(
  queries: Queries,
  key: { subject: string } & ({ runId: string } | { clientRef: string }),
): Promise<RunRow | undefined> {
  const query = queries.selectFrom('runs').selectAll().where('subject', '=', key.subject);
  return 'runId' in key
    ? query.where('run_id', '=', key.runId).executeTakeFirst()
    : query.where('idempotency_key', '=', `ref:${key.clientRef}`).executeTakeFirst();
}

/** The run that an idempotency key belongs to. */
export async function findRunByKey(
  queries: Queries,
  subject: string,
  idempotencyKey: string,
): Promise<RunRow | undefined> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('subject', '=', subject)
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst();
}

export type RunState = Pick<RunRow, 'run_id' | 'version' | 'status' | 'progress' | 'queue_position'>;

/** How runs stand that somebody waits for. */
export async function readRunStates(queries: Queries, runIds: readonly string[]): Promise<RunState[]> {
  const states: RunState[] = [];
  // SQLite takes 32,766 parameters in a statement.
  for (let at = 0; at < runIds.length; at += 10_000) {
    const part = await queries
      .selectFrom('runs')
      .select(['run_id', 'version', 'status', 'progress', 'queue_position'])
      .where('run_id', 'in', runIds.slice(at, at + 10_000))
      .execute();
    states.push(...part);
  }
  return states;
}

export async function readRunEvents(queries: Queries, runId: string): Promise<RunEventTable[]> {
  return queries
    .selectFrom('run_events')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('seq')
    .limit(200)
    .execute();
}

/** Whether a subject has runs at a provider that have not ended. */
export async function hasOpenRuns(
  queries: Queries,
  { subject, provider }: { subject: string; provider: string },
): Promise<boolean> {
  const open = await queries
    .selectFrom('runs')
    .select('run_id')
    .where('subject', '=', subject)
    .where('provider', '=', provider)
    .where('phase', '<>', 'done')
    .limit(1)
    .executeTakeFirst();
  return open !== undefined;
}

export interface RunFilter {
  subject: string;
  status?: string | undefined;
  model?: string | undefined;
  provider?: string | undefined;
  since?: number | undefined;
  /** All must hold. */
  tags: Readonly<Record<string, string>>;
  /** Where the page before ended. */
  before?: { createdAt: number; runId: string } | undefined;
  limit: number;
}

/** A page of a subject's runs, newest first. */
export async function listRunRows(queries: Queries, filter: RunFilter): Promise<RunRow[]> {
  let query = queries.selectFrom('runs').selectAll().where('subject', '=', filter.subject);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.model !== undefined) query = query.where('model', '=', filter.model);
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider);
  if (filter.since !== undefined) query = query.where('created_at', '>=', filter.since);
  for (const [name, value] of Object.entries(filter.tags)) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('run_tags')
          .select('run_tags.run_id')
          .whereRef('run_tags.run_id', '=', 'runs.run_id')
          .where('run_tags.subject', '=', filter.subject)
          .where('run_tags.name', '=', name)
          .where('run_tags.value', '=', value),
      ),
    );
  }
  const { before } = filter;
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', before.createdAt),
        eb.and([eb('created_at', '=', before.createdAt), eb('run_id', '<', before.runId)]),
      ]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('run_id', 'desc').limit(filter.limit).execute();
}

/** What operators look at and set right, whoever's it is: runs, and what was spent by anything. */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';

export interface AnyRunFilter {
  subject?: string | undefined;
  provider?: string | undefined;
  status?: string | undefined;
  limit: number;
}

/** The newest runs of everybody. */
export async function listAnyRuns(queries: Queries, filter: AnyRunFilter): Promise<RunRow[]> {
  let query = queries.selectFrom('runs').selectAll().orderBy('created_at', 'desc').limit(filter.limit);
  if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject);
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  return query.execute();
}

/**
 * Takes a run from whoever holds it and makes it due: what was not sent is sent, and what may have been is asked about, as
 * after a crash. False when it has ended.
 */
export async function releaseAnyRun(queries: Queries, run: { runId: string; now: number }): Promise<boolean> {
  const released = await queries
    .updateTable('runs')
    .set({ lease_owner: null, lease_until: null, next_poll_at: run.now, version: sql`version + 1` })
    .where('run_id', '=', run.runId)
    .where('phase', '<>', 'done')
    .returning('run_id')
    .executeTakeFirst();
  return released !== undefined;
}

/** Runs that are due and that nobody has taken, by platform, and since when the first of them has been. */
export async function listLateRuns(
  queries: Queries,
  { dueBefore, now }: { dueBefore: number; now: number },
): Promise<{ provider: string; count: number; dueAt: number }[]> {
  const rows = await queries
    .selectFrom('runs')
    .select(({ fn }) => [
      'provider',
      fn.countAll<number | string>().as('count'),
      fn.min<number | string>('next_poll_at').as('due'),
    ])
    .where('next_poll_at', '<=', dueBefore)
    .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
    .groupBy('provider')
    .execute();
  return rows.map(({ provider, count, due }) => ({ provider, count: Number(count), dueAt: Number(due) }));
}

export const usageColumns = ['day', 'month', 'subject', 'client', 'mount', 'provider', 'model'] as const;
export type UsageColumn = (typeof usageColumns)[number] | `tag:${string}`;

export interface SpentRow {
  /** By the names of the columns that were asked for. */
  by: Record<string, string>;
  currency: string;
  runs: number;
  /** Known and assumed charges, in millionths. */
  chargedMicros: number;
  assumedMicros: number;
  unknownRuns: number;
}

/** What was charged to everybody, by whatever columns; a tag is one of the runs' own. Days and months are in UTC. */
export async function readSpentBy(
  database: Database,
  request: { by: readonly UsageColumn[]; since: number; until: number; subject?: string | undefined },
): Promise<SpentRow[]> {
  const { by, since, until, subject } = request;
  const columns = by.map((column, index) => ({
    column,
    name: `by${index}`,
    value: columnOf(column, database),
  }));
  const selected = columns.map(({ value, name }) => sql`${value} as ${sql.ref(name)}`);
  // A charge that was taken back is one run less.
  const { rows } = await sql<Record<string, string | number | null>>`
    select ${sql.join([...selected, sql`l.currency as currency`])},
      sum(case when l.entry_id like '%:back' then -1 else 1 end) as runs,
      sum(case when l.certainty <> 'unknown' then l.amount_micros else 0 end) as charged,
      sum(case when l.certainty = 'assumed' then l.amount_micros else 0 end) as assumed,
      sum(case when l.certainty <> 'unknown' then 0 when l.entry_id like '%:back' then -1 else 1 end) as unknown
    from ledger as l
    where l.kind = 'charge' and l.at >= ${since} and l.at < ${until}
      and ${subject === undefined ? sql`true` : sql`l.subject = ${subject}`}
    group by ${sql.join([...columns.map((_, index) => sql.raw(String(index + 1))), sql`l.currency`])}
    order by ${sql.join([...columns.map((_, index) => sql.raw(String(index + 1))), sql`l.currency`])}`.execute(
    database.queries,
  );
  return rows.map((row) => ({
    by: Object.fromEntries(columns.map(({ column, name }) => [column, String(row[name] ?? '')])),
    currency: String(row.currency),
    runs: Number(row.runs),
    chargedMicros: Number(row.charged),
    assumedMicros: Number(row.assumed),
    unknownRuns: Number(row.unknown),
  }));
}

function columnOf(column: UsageColumn, { dialect }: Database): RawBuilder<unknown> {
  if (column.startsWith('tag:')) {
    return sql`(select value from run_tags where run_tags.run_id = l.run_id and name = ${sql.lit(column.slice(4))})`;
  }
  if (column !== 'day' && column !== 'month') return sql`${sql.ref(`l.${column}`)}`;
  if (dialect === 'sqlite') {
    return sql`strftime(${sql.lit(column === 'day' ? '%Y-%m-%d' : '%Y-%m')}, l.at / 1000, 'unixepoch')`;
  }
  const format = sql.lit(column === 'day' ? 'YYYY-MM-DD' : 'YYYY-MM');
  return sql`to_char(to_timestamp(l.at / 1000) at time zone 'utc', ${format})`;
}

import { type RawBuilder, sql } from 'kysely';
import type { Database, Dialect } from '../database.ts';

export type UsageBucket = 'hour' | 'day' | 'week' | 'month' | 'year';

export interface UsageRequest {
  subject: string;
  since?: number | undefined;
  until?: number | undefined;
  bucket: UsageBucket;
  provider?: string | undefined;
  limit: number;
  offset: number;
}

export interface UsageTotal {
  currency: string;
  runs: number;
  /** What is known, and what is assumed where nobody knows whether it was charged. */
  chargedMicros: number;
  /** The part of it that is assumed; absent when there is none. */
  assumedMicros?: number | undefined;
  /** Runs of which nobody knows the cost: nothing of them is in the amount. Absent when there are none. */
  unknownRuns?: number | undefined;
}

export interface UsageRow extends UsageTotal {
  /** Start of the bucket, epoch milliseconds in UTC; weeks start on Monday. */
  start: number;
  provider: string;
}

/** What a subject was charged, by bucket, provider and currency, newest first. */
export async function readUsageRows(database: Database, request: UsageRequest): Promise<UsageRow[]> {
  const bucket = bucketOf(request.bucket, database.dialect);
  const rows = await charges(database, request)
    .select(['provider', 'currency', bucket.as('bucket')])
    .groupBy(['provider', 'currency', sql`3`])
    .orderBy(sql`3`, 'desc')
    .orderBy('provider')
    .orderBy('currency')
    .limit(request.limit)
    .offset(request.offset)
    .select(({ fn }) => [fn.countAll<number | string>().as('runs'), ...sums])
    .execute();
  return rows.map(({ provider, currency, bucket: start, ...row }) => ({
    start: startOf(request.bucket, String(start)),
    provider,
    currency,
    ...toTotal(row),
  }));
}

/** The same without buckets: a total for each currency, those in which something was spent first, then by runs. */
export async function readUsageTotals(database: Database, request: UsageRequest): Promise<UsageTotal[]> {
  const rows = await charges(database, request)
    .select('currency')
    .groupBy('currency')
    .select(({ fn }) => [fn.countAll<number | string>().as('runs'), ...sums])
    .execute();
  const isSpent = ({ chargedMicros }: UsageTotal) => (chargedMicros > 0 ? 1 : 0);
  return rows
    .map(({ currency, ...row }) => ({ currency, ...toTotal(row) }))
    .sort((one, other) => isSpent(other) - isSpent(one) || other.runs - one.runs);
}

/** Of the charges of a group: what is not unknown, what is assumed, and how many are unknown. */
const sums = [
  sumWhere(sql`certainty <> 'unknown'`, sql`amount_micros`).as('micros'),
  sumWhere(sql`certainty = 'assumed'`, sql`amount_micros`).as('assumed'),
  sumWhere(sql`certainty = 'unknown'`, sql`1`).as('unknown'),
] as const;

function sumWhere(condition: RawBuilder<unknown>, value: RawBuilder<unknown>): RawBuilder<number | string> {
  return sql<number | string>`sum(case when ${condition} then ${value} else 0 end)`;
}

function toTotal(row: Record<'runs' | 'micros' | 'assumed' | 'unknown', number | string>) {
  const [assumed, unknown] = [Number(row.assumed), Number(row.unknown)];
  return {
    runs: Number(row.runs),
    chargedMicros: Number(row.micros),
    ...(assumed > 0 && { assumedMicros: assumed }),
    ...(unknown > 0 && { unknownRuns: unknown }),
  };
}

function charges(database: Database, { subject, since, until, provider }: UsageRequest) {
  let query = database.queries
    .selectFrom('ledger')
    .where('subject', '=', subject)
    .where('kind', '=', 'charge');
  if (since !== undefined) query = query.where('at', '>=', since);
  if (until !== undefined) query = query.where('at', '<', until);
  if (provider !== undefined) query = query.where('provider', '=', provider);
  return query;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Of the first Monday after the epoch. */
const mondayMs = 4 * dayMs;

function bucketOf(bucket: UsageBucket, dialect: Dialect): RawBuilder<string | number> {
  const at = sql.ref('at');
  if (bucket === 'hour') return sql`(${at} / ${sql.lit(hourMs)})`;
  if (bucket === 'day') return sql`(${at} / ${sql.lit(dayMs)})`;
  if (bucket === 'week') return sql`((${at} - ${sql.lit(mondayMs)}) / ${sql.lit(7 * dayMs)})`;
  if (dialect === 'sqlite') {
    return sql`strftime(${sql.lit(bucket === 'month' ? '%Y-%m' : '%Y')}, ${at} / 1000, 'unixepoch')`;
  }
  const format = sql.lit(bucket === 'month' ? 'YYYY-MM' : 'YYYY');
  return sql`to_char(to_timestamp(${at} / 1000) at time zone 'utc', ${format})`;
}

function startOf(bucket: UsageBucket, value: string): number {
  if (bucket === 'hour') return Number(value) * hourMs;
  if (bucket === 'day') return Number(value) * dayMs;
  if (bucket === 'week') return mondayMs + Number(value) * 7 * dayMs;
  return Date.parse(bucket === 'month' ? `${value}-01T00:00:00Z` : `${value}-01-01T00:00:00Z`);
}

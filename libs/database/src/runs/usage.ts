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
  chargedMicros: number;
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
    .select(({ fn }) => [
      fn.countAll<number | string>().as('runs'),
      fn.sum<number | string>('amount_micros').as('micros'),
    ])
    .execute();
  return rows.map(({ provider, currency, bucket: start, runs, micros }) => ({
    start: startOf(request.bucket, String(start)),
    provider,
    currency,
    runs: Number(runs),
    chargedMicros: Number(micros),
  }));
}

/** The same without buckets, the currency of most runs first. */
export async function readUsageTotals(database: Database, request: UsageRequest): Promise<UsageTotal[]> {
  const rows = await charges(database, request)
    .select('currency')
    .groupBy('currency')
    .select(({ fn }) => [
      fn.countAll<number | string>().as('runs'),
      fn.sum<number | string>('amount_micros').as('micros'),
    ])
    .execute();
  return rows
    .map(({ currency, runs, micros }) => ({ currency, runs: Number(runs), chargedMicros: Number(micros) }))
    .sort((one, other) => other.runs - one.runs);
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

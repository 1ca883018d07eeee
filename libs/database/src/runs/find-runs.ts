import { type ExpressionBuilder, sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { RunEventTable, RunRow, Schema } from '../schema.ts';
import { isBefore, type RunPlace } from './browse-runs.ts';

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

/** Whoever's runs a platform knows by one id; two of its accounts may have the same. */
export async function findRunsByUpstreamId(
  queries: Queries,
  provider: string,
  upstreamId: string,
): Promise<RunRow[]> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('provider', '=', provider)
    .where('upstream_id', '=', upstreamId)
    .limit(10)
    .execute();
}

/** Runs that have not ended and what they hold of budgets, by platform, phase and currency. */
export async function countOpenRuns(
  queries: Queries,
): Promise<{ provider: string; phase: string; currency: string; count: number; reservedMicros: number }[]> {
  const rows = await queries
    .selectFrom('runs')
    .select(({ fn }) => [
      'provider',
      'phase',
      'currency',
      fn.countAll<number | string>().as('count'),
      fn.sum<number | string>('reserved_micros').as('reserved'),
    ])
    // Written out, so that the partial index is used.
    .where(sql<boolean>`phase <> 'done'`)
    .groupBy(['provider', 'phase', 'currency'])
    .execute();
  return rows.map(({ count, reserved, ...row }) => ({
    ...row,
    count: Number(count),
    reservedMicros: Number(reserved),
  }));
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

/** A status of ours, and where the platform's own word for it matters what that is or is not. */
interface RunWord {
  status: string;
  upstream?: string | undefined;
  isNot?: string | undefined;
}

export interface RunFilter {
  subject: string;
  status?: string | undefined;
  /** Any of these: words of a platform that say less, or more, than ours. Default: all. */
  anyOf?: readonly RunWord[] | undefined;
  /** A model, or a wrapper that made the input of one. */
  model?: string | undefined;
  provider?: string | undefined;
  since?: number | undefined;
  /** All must hold. */
  tags: Readonly<Record<string, string>>;
  /** Where the page before ended. */
  before?: RunPlace | undefined;
  /** How many of the newest are passed over, for pages by number. */
  offset?: number | undefined;
  limit: number;
}

/** A page of a subject's runs, newest first. */
export async function listRunRows(queries: Queries, filter: RunFilter): Promise<RunRow[]> {
  let query = queries.selectFrom('runs').selectAll().where(matches(filter));
  const { before } = filter;
  if (before !== undefined) {
    query = query.where((eb) => isBefore(eb, before));
  }
  const page = query.orderBy('created_at', 'desc').orderBy('run_id', 'desc').limit(filter.limit);
  return (filter.offset === undefined ? page : page.offset(filter.offset)).execute();
}

/** How many runs a list has in all; undefined when they are more than `atMost`, which nobody wants to wait for. */
export async function countRunRows(
  queries: Queries,
  filter: Omit<RunFilter, 'before' | 'offset' | 'limit'>,
  atMost: number,
): Promise<number | undefined> {
  const { count } = await queries
    .selectFrom((eb) =>
      eb
        .selectFrom('runs')
        .select('run_id')
        .where(matches(filter))
        .limit(atMost + 1)
        .as('found'),
    )
    .select((eb) => eb.fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count) > atMost ? undefined : Number(count);
}

/** A subject's runs that pass every filter. */
function matches(filter: Omit<RunFilter, 'before' | 'offset' | 'limit'>) {
  return (eb: ExpressionBuilder<Schema, 'runs'>) => {
    const { subject, status, anyOf, model, provider, since, tags } = filter;
    const conditions = [eb('subject', '=', subject)];
    if (status !== undefined) conditions.push(eb('status', '=', status));
    if (anyOf !== undefined) conditions.push(eb.or(anyOf.map((word) => says(eb, word))));
    if (model !== undefined) conditions.push(eb.or([eb('model', '=', model), eb('wrapper', '=', model)]));
    if (provider !== undefined) conditions.push(eb('provider', '=', provider));
    if (since !== undefined) conditions.push(eb('created_at', '>=', since));
    const tagged = Object.entries(tags).map(([name, value]) =>
      eb.exists(
        eb
          .selectFrom('run_tags')
          .select('run_tags.run_id')
          .whereRef('run_tags.run_id', '=', 'runs.run_id')
          .where('run_tags.subject', '=', subject)
          .where('run_tags.name', '=', name)
          .where('run_tags.value', '=', value),
      ),
    );
    return eb.and([...conditions, ...tagged]);
  };
}

function says(eb: ExpressionBuilder<Schema, 'runs'>, { status, upstream, isNot }: RunWord) {
  const is = eb('status', '=', status);
  if (upstream !== undefined) return eb.and([is, eb('upstream_status', '=', upstream)]);
  if (isNot === undefined) return is;
  return eb.and([is, eb.or([eb('upstream_status', 'is', null), eb('upstream_status', '<>', isNot)])]);
}

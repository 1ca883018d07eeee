/** Rows of runs, as they are put in and found again. */
import { type ExpressionBuilder, type Insertable, sql, type Transaction } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunEventTable, RunRow, RunTable, Schema } from '../schema.ts';
import { isBefore, type RunPlace } from './browse-runs.ts';
import { type BudgetRules, reserveBudget } from './budgets.ts';
import { addLedgerEntry } from './ledger.ts';
import { everySubject, type Payer } from './spending-limits.ts';

export interface NewRun {
  row: Insertable<RunTable>;
  tags: Readonly<Record<string, string>>;
  /** The most that the run can cost; undefined when nobody knows. */
  wantedMicros: number | undefined;
  /** The least that it costs, where that is known. */
  leastMicros?: number | undefined;
  /** How budgets count other currencies and unknown prices. */
  rules?: Omit<BudgetRules, 'now'> | undefined;
  /** That no budget held the subject a moment ago: then one statement does it all. */
  isUnbound?: boolean | undefined;
}

interface Standing {
  openRuns: number;
  isBound: boolean;
  /** Somebody may have to confirm what it costs. */
  hasThresholds?: boolean;
  /** Some platform is paused. */
  hasPauses?: boolean;
  /** The idempotency key that was asked about has a run. */
  isKeyUsed?: boolean;
}

/** What a subject has under way, counted up to `atMost`, whether a budget holds it, and whether anybody is asked about costs. */
export async function readStanding(
  queries: Queries,
  { subject, atMost, key }: { subject: string; atMost: number; key?: string },
): Promise<Standing> {
  const { open, bound, limits, thresholds, pauses, used } = await queries
    .selectNoFrom((eb) => [
      eb
        .selectFrom((inner) =>
          inner
            .selectFrom('runs')
            .select('run_id')
            .where('subject', '=', subject)
            // Written out, not bound: only then is the partial index used.
            .where(sql<boolean>`phase <> 'done'`)
            .limit(atMost)
            .as('found'),
        )
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .as('open'),
      eb
        .selectFrom('budgets')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('subject', 'in', [subject, everySubject])
        .as('bound'),
      eb
        .selectFrom('spending_limits')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .as('limits'),
      eb
        .selectFrom('confirm_thresholds')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .as('thresholds'),
      eb
        .selectFrom('provider_pauses')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .as('pauses'),
      eb
        .selectFrom('runs')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('subject', '=', subject)
        .where('idempotency_key', '=', key ?? '')
        .as('used'),
    ])
    .executeTakeFirstOrThrow();
  const isBound = Number(bound) + Number(limits) > 0;
  return {
    openRuns: Number(open),
    isBound,
    ...(Number(thresholds) > 0 && { hasThresholds: true }),
    ...(Number(pauses) > 0 && { hasPauses: true }),
    ...(Number(used) > 0 && { isKeyUsed: true }),
  };
}

/**
 * Reserves the budget and inserts a queued run with its idempotency key, in one transaction. A key that the subject
 * has used before returns that run and reserves nothing, also when both come at the same instant. Throws
 * `budget_exceeded`, `price_unknown` or `budget_currency_mismatch`.
 */
export async function insertRun(
  database: Database,
  { row, tags, wantedMicros, leastMicros, rules, isUnbound }: NewRun,
): Promise<{ isNew: boolean; row: RunRow }> {
  if (isUnbound === true && database.dialect === 'postgres') {
    const inserted = await insertUnbound(database, { row, tags, wantedMicros });
    if (inserted !== undefined) return { isNew: true, row: inserted };
  }
  return database.transaction(async (queries) => {
    const existing = () => findByKey(queries, row.subject, row.idempotency_key);
    const reservation = await reserveBudget(queries, {
      ...rules,
      payer: payerOf(row),
      currency: row.currency,
      now: row.created_at,
      wantedMicros,
      leastMicros,
      dialect: database.dialect,
      existing,
    });
    if (reservation.kind === 'replay') return { isNew: false, row: reservation.row };
    const inserted = await queries
      .insertInto('runs')
      .values({ ...row, reserved_micros: reservation.micros })
      .onConflict((conflict) => conflict.columns(['subject', 'idempotency_key']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (inserted === undefined) return { isNew: false, row: await mustFind(existing) };
    await addDetails(queries, inserted, tags);
    return { isNew: true, row: inserted };
  });
}

/**
 * In one round trip: a transaction has six, and a caller waits for each. Undefined when the key was used before, or a
 * budget was set meanwhile.
 */
async function insertUnbound(
  { queries }: Database,
  { row, tags, wantedMicros }: Pick<NewRun, 'row' | 'tags' | 'wantedMicros'>,
): Promise<RunRow | undefined> {
  const values = Object.entries({ ...row, reserved_micros: wantedMicros ?? 0 }).filter(
    ([, value]) => value !== undefined,
  );
  const { rows } = await sql<RunRow>`
    with added as (
      insert into runs (${sql.join(values.map(([name]) => sql.ref(name)))})
      select ${sql.join(values.map(([, value]) => value))}
      where not exists (select 1 from budgets where subject in (${row.subject}, ${everySubject}))
        and not exists (select 1 from spending_limits)
      on conflict (subject, idempotency_key) do nothing
      returning *
    ), noted as (
      insert into run_events (run_id, seq, at, status, note)
      select run_id, version, created_at, status, 'accepted' from added
    ), tagged as (
      insert into run_tags (run_id, subject, name, value)
      select added.run_id, added.subject, tag.name, tag.value
      from added, unnest(${Object.keys(tags)}::text[], ${Object.values(tags)}::text[]) as tag(name, value)
    ), booked as (
      insert into ledger (entry_id, run_id, subject, provider, model, kind, currency, amount_micros, at, certainty,
        client, mount)
      select run_id || ':reserve', run_id, subject, provider, model, 'reserve', currency, reserved_micros, created_at,
        'known', client, mount
      from added where reserved_micros > 0
    )
    select * from added`.execute(queries);
  return rows[0];
}

function payerOf({ subject, client, mount, provider }: NewRun['row']): Payer {
  return { subject, client, mount, provider };
}

async function addDetails(
  queries: Transaction<Schema>,
  row: RunRow,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const { run_id, subject } = row;
  const tagRows = Object.entries(tags).map(([name, value]) => ({ run_id, subject, name, value }));
  if (tagRows.length > 0) await queries.insertInto('run_tags').values(tagRows).execute();
  const event = { run_id, seq: row.version, at: row.created_at, status: row.status, note: 'accepted' };
  await queries.insertInto('run_events').values(event).execute();
  if (row.reserved_micros > 0) {
    await addLedgerEntry(queries, row, {
      kind: 'reserve',
      amountMicros: row.reserved_micros,
      at: row.created_at,
    });
  }
}

async function findByKey(
  queries: Transaction<Schema>,
  subject: string,
  key: string,
): Promise<RunRow | undefined> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('subject', '=', subject)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
}

async function mustFind(find: () => Promise<RunRow | undefined>): Promise<RunRow> {
  const row = await find();
  if (row === undefined) throw new Error('a run with this key exists but cannot be read');
  return row;
}

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

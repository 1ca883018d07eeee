import { type Insertable, sql, type Transaction } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow, RunTable, Schema } from '../schema.ts';
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

export interface Standing {
  openRuns: number;
  isBound: boolean;
  /** Somebody may have to confirm what it costs. */
  hasThresholds?: boolean;
  /** Some platform is paused. */
  hasPauses?: boolean;
}

/** What a subject has under way, counted up to `atMost`, whether a budget holds it, and whether anybody is asked about costs. */
export async function readStanding(queries: Queries, subject: string, atMost: number): Promise<Standing> {
  const { open, bound, limits, thresholds, pauses } = await queries
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
    ])
    .executeTakeFirstOrThrow();
  const isBound = Number(bound) + Number(limits) > 0;
  return {
    openRuns: Number(open),
    isBound,
    ...(Number(thresholds) > 0 && { hasThresholds: true }),
    ...(Number(pauses) > 0 && { hasPauses: true }),
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

/** The ledger: every reservation, release and charge of a run, each booked once and never changed. */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';

export interface LedgerEntry {
  kind: 'reserve' | 'release' | 'charge';
  /** Signed: the sum of a run's entries is what it holds or cost. */
  amountMicros: number;
  at: number;
  /** How sure a charge is; default `known`. */
  certainty?: Certainty | undefined;
  /** Of a charge in another currency than the run's. */
  currency?: string | undefined;
}

/**
 * `known`: a figure of the platform, or a price that was fixed. `assumed`: nobody knows whether it was charged, or how
 * much below its most. `unknown`: nobody knows the price, and the amount is what budgets count it as.
 */
export type Certainty = 'known' | 'assumed' | 'unknown';

/**
 * Books one entry. Its id is the run's and its kind, so that no run can be charged twice: only after an end was taken back,
 * which leaves a counter-entry, is there a second of a kind.
 */
export async function addLedgerEntry(
  queries: Queries,
  run: Pick<RunRow, 'run_id' | 'subject' | 'provider' | 'model' | 'currency' | 'client' | 'mount'>,
  { kind, amountMicros, at, certainty = 'known', currency = run.currency }: LedgerEntry,
): Promise<void> {
  const { run_id, subject, provider, model, client, mount } = run;
  await queries
    .insertInto('ledger')
    .values({
      entry_id: kind === 'reserve' ? `${run_id}:reserve` : entryIdOf(sql`cast(${run_id} as text)`, kind),
      run_id,
      subject,
      provider,
      model,
      client,
      mount,
      kind,
      currency,
      amount_micros: amountMicros,
      at,
      certainty,
    })
    .execute();
}

/** The id of an entry at the end of a run, whose own id is given as a text. */
export function entryIdOf(runId: RawBuilder<unknown>, kind: 'release' | 'charge'): RawBuilder<string> {
  const takenBack = sql`(select count(*) from ledger as earlier where earlier.run_id = ${runId}
    and earlier.kind = ${sql.lit(kind)} and earlier.entry_id like '%:back')`;
  return sql<string>`${runId} || ${sql.lit(`:${kind}`)} || case ${takenBack} when 0 then '' else '#' || ${takenBack} end`;
}

/** Takes the end of a run back: each entry of it stays, and gets a counter-entry beside it, at the time of the first. */
export async function takeBackEntries(queries: Queries, runId: string): Promise<void> {
  const entries = await queries.selectFrom('ledger').selectAll().where('run_id', '=', runId).execute();
  const names = new Set(entries.map(({ entry_id: id }) => id));
  const standing = entries.filter(
    ({ kind, entry_id: id }) => kind !== 'reserve' && !id.endsWith(':back') && !names.has(`${id}:back`),
  );
  if (standing.length === 0) return;
  const back = (entry: (typeof standing)[number]) => ({
    ...entry,
    entry_id: `${entry.entry_id}:back`,
    amount_micros: -entry.amount_micros,
  });
  await queries.insertInto('ledger').values(standing.map(back)).execute();
}

/** What the ledger says of a run, in one currency: what it holds, what it was charged, and how often. */
export interface LedgerSum {
  currency: string;
  heldMicros: number;
  chargedMicros: number;
  /** Charges that stand: those that were taken back are not among them. */
  charges: number;
}

export interface BookedRun {
  /** Undefined where the ledger names a run that there is none of. */
  row: RunRow | undefined;
  runId: string;
  sums: LedgerSum[];
}

/**
 * So many runs after one, in the order of their ids, with what the ledger says of each; those of the ledger that have no row
 * are among them. Both are read in one statement, so that a run that ends meanwhile is read as it was or as it is.
 */
export async function readBookedRuns(
  { queries }: Database,
  { after, limit }: { after: string; limit: number },
): Promise<BookedRun[]> {
  const { rows } = await sql<Partial<RunRow> & Sums>`
    with ids as (
      select run_id as id from (select run_id from runs where run_id > ${after} order by run_id limit ${limit} + 0) as own
      union
      select run_id as id from
        (select distinct run_id from ledger where run_id > ${after} order by run_id limit ${limit} + 0) as booked
      order by id limit ${limit} + 0
    ), sums as (
      select run_id as sum_of, currency as sum_currency,
        sum(case when kind <> 'charge' then amount_micros else 0 end) as held,
        sum(case when kind = 'charge' then amount_micros else 0 end) as charged,
        sum(case when kind <> 'charge' then 0 when entry_id like '%:back' then -1 else 1 end) as charges
      from ledger where run_id in (select id from ids) group by run_id, currency
    )
    select ids.id, sums.*, runs.* from ids
      left join sums on sums.sum_of = ids.id left join runs on runs.run_id = ids.id
    order by ids.id`.execute(queries);
  const found = new Map<string, BookedRun>();
  for (const { id, sum_of, sum_currency: currency, held, charged, charges, ...row } of rows) {
    const known = found.get(id) ?? {
      runId: id,
      // as: the columns of the table, all of them where the left join found a row.
      row: typeof row.run_id === 'string' ? (row as RunRow) : undefined,
      sums: [],
    };
    found.set(id, known);
    if (sum_of === null || currency === null) continue;
    const numbers = { heldMicros: Number(held), chargedMicros: Number(charged), charges: Number(charges) };
    known.sums.push({ currency, ...numbers });
  }
  return [...found.values()];
}

interface Sums {
  id: string;
  sum_of: string | null;
  sum_currency: string | null;
  held: number | string | null;
  charged: number | string | null;
  charges: number | string | null;
}

/** Whether the database refuses changes of the ledger, as it does since the migration that says so. */
export async function isLedgerGuarded({ queries, dialect }: Database): Promise<boolean> {
  const { rows } =
    dialect === 'sqlite'
      ? await sql`select 1 from sqlite_master where type = 'trigger' and tbl_name = 'ledger'`.execute(queries)
      : await sql`select 1 from pg_trigger where tgrelid = 'ledger'::regclass and tgname in ('ledger_kept', 'ledger_unchanged') and tgenabled <> 'D'`.execute(
          queries,
        );
  return rows.length === 2;
}

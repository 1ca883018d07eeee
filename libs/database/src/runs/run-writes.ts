/**
 * What is written under a lease: the row with its timeline, and at its end with the ledger and the webhook, all or nothing.
 * Postgres does it in one statement, since a transaction has a wait for each of its own; SQLite has no such statement.
 */
import { type Insertable, type QueryCreator, type RawBuilder, sql, type Updateable } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow, RunTable, Schema, WebhookDeliveryTable } from '../schema.ts';
import { addLedgerEntry, type Certainty, entryIdOf } from './ledger.ts';

/** What a write is allowed by: the row's owner and version as they were read last. */
export interface RunLease {
  runId: string;
  owner: string;
  version: number;
}

export interface RunWrite {
  patch: Omit<Updateable<RunTable>, 'run_id' | 'version' | 'subject'>;
  /** Gives the lease back in the same statement. */
  isRelease?: boolean;
  /** A line of the run's timeline. */
  event?: { at: number; note: string };
}

/** Changes a run that is held; undefined when the lease was lost, and then nothing was written. */
export async function writeLeasedRun(
  database: Database,
  lease: RunLease,
  write: RunWrite,
): Promise<RunRow | undefined> {
  if (write.event === undefined) return updateLeased(database.queries, lease, write).executeTakeFirst();
  const { at, note } = write.event;
  if (database.dialect === 'postgres')
    return inOneStatement(database, updateLeased(database.queries, lease, write), { at, note });
  return database.transaction(async (queries) => {
    const row = await updateLeased(queries, lease, write).executeTakeFirst();
    if (row !== undefined) await writeEvent(queries, row, { at, note });
    return row;
  });
}

export interface RunEnd {
  status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  at: number;
  note: string;
  patch: RunWrite['patch'];
  /** What the budget is charged; undefined books nothing, because nothing was sent. */
  chargeMicros: number | undefined;
  /** How sure that is; default `known`. */
  certainty?: Certainty | undefined;
  /** Of a charge in another currency than the run was quoted in. */
  chargeCurrency?: string | undefined;
  /** Undefined where nobody is told by webhook. */
  delivery?: ((row: RunRow) => Omit<Insertable<WebhookDeliveryTable>, 'run_id'> | undefined) | undefined;
}

/**
 * Ends a held run: status, outputs, charge, release of what was reserved, timeline and webhook in one transaction.
 * Undefined when the lease was lost.
 */
export async function endLeasedRun(
  database: Database,
  lease: RunLease,
  end: RunEnd,
): Promise<RunRow | undefined> {
  const write = { patch: endPatch(end), isRelease: true };
  // A webhook is made of the row as it is then.
  if (database.dialect === 'postgres' && end.delivery === undefined)
    return inOneStatement(database, updateLeased(database.queries, lease, write), {
      ...{ at: end.at, note: end.note, books: booksOf(end) },
    });
  return database.transaction(async (queries) => {
    const row = await updateLeased(queries, lease, write).executeTakeFirst();
    return row && settle(queries, row, end);
  });
}

/** Ends a run that was never sent, whoever holds it: whoever does loses the right to send it. */
export async function endQueuedRun(
  database: Database,
  run: { runId: string; subject: string },
  end: RunEnd,
): Promise<RunRow | undefined> {
  return database.transaction(async (queries) => {
    const row = await queries
      .updateTable('runs')
      .set({ ...endPatch(end), lease_owner: null, lease_until: null, version: sql`version + 1` })
      .where('run_id', '=', run.runId)
      .where('subject', '=', run.subject)
      .where('phase', '=', 'queued')
      .returningAll()
      .executeTakeFirst();
    return row && settle(queries, row, end);
  });
}

function endPatch(end: RunEnd): RunWrite['patch'] {
  return { ...end.patch, status: end.status, phase: 'done', finished_at: end.at, next_poll_at: null };
}

async function settle(queries: Queries, row: RunRow, end: RunEnd): Promise<RunRow> {
  await writeEvent(queries, row, end);
  const { at } = end;
  if (row.reserved_micros > 0) {
    await addLedgerEntry(queries, row, { kind: 'release', amountMicros: -row.reserved_micros, at });
  }
  if (end.chargeMicros !== undefined) {
    const { chargeMicros: amountMicros, certainty, chargeCurrency: currency } = end;
    await addLedgerEntry(queries, row, { kind: 'charge', amountMicros, at, certainty, currency });
  }
  const delivery = end.delivery?.(row);
  if (delivery !== undefined) await addDelivery(queries, row, delivery);
  return row;
}

/** A run that was given up and went on after all ends twice: its receiver must not take the second message for the first. */
async function addDelivery(
  queries: Queries,
  { run_id }: RunRow,
  delivery: Omit<Insertable<WebhookDeliveryTable>, 'run_id'>,
): Promise<void> {
  const earlier = await queries
    .selectFrom('webhook_deliveries')
    .select('delivery_id')
    .where('run_id', '=', run_id)
    .where('subscription_id', 'is', null)
    .execute();
  const suffix = earlier.length === 0 ? '' : `.${earlier.length + 1}`;
  await queries
    .insertInto('webhook_deliveries')
    .values({ ...delivery, delivery_id: `${delivery.delivery_id}${suffix}`, run_id })
    .execute();
}

function updateLeased(queries: QueryCreator<Schema>, lease: RunLease, { patch, isRelease }: RunWrite) {
  return queries
    .updateTable('runs')
    .set({
      ...patch,
      ...(isRelease ? { lease_owner: null, lease_until: null } : {}),
      version: lease.version + 1,
    })
    .where('run_id', '=', lease.runId)
    .where('lease_owner', '=', lease.owner)
    .where('version', '=', lease.version)
    .returningAll();
}

/** Where the row is not changed, nothing else is written. */
async function inOneStatement(
  { queries }: Database,
  change: ReturnType<typeof updateLeased>,
  { at, note, books = sql`` }: { at: number; note: string; books?: RawBuilder<unknown> },
): Promise<RunRow | undefined> {
  const { rows } = await sql<RunRow>`
    with changed as (${change}), noted as (
      insert into run_events (run_id, seq, at, status, note)
      select run_id, version, cast(${at} as bigint), status, cast(${note} as text) from changed
    )${books} select * from changed`.execute(queries);
  return rows[0];
}

/** What `settle` books, of the row that the same statement changes. */
function booksOf({ at, chargeMicros, certainty = 'known', chargeCurrency }: RunEnd): RawBuilder<unknown> {
  const entry = (kind: 'release' | 'charge', values: RawBuilder<unknown>, condition = sql`true`) => sql`,
    ${sql.raw(kind)} as (
      insert into ledger (run_id, subject, provider, model, client, mount, kind, at, entry_id, currency, amount_micros, certainty)
      select run_id, subject, provider, model, client, mount, ${sql.lit(kind)}, cast(${at} as bigint),
        ${entryIdOf(sql`changed.run_id`, kind)}, ${values}
      from changed where ${condition}
    )`;
  const release = entry('release', sql`currency, -reserved_micros, 'known'`, sql`reserved_micros > 0`);
  if (chargeMicros === undefined) return release;
  const currency = chargeCurrency === undefined ? sql`currency` : sql`cast(${chargeCurrency} as text)`;
  const charge = sql`${currency}, cast(${chargeMicros} as bigint), cast(${certainty} as text)`;
  return sql`${release}${entry('charge', charge)}`;
}

/** A line of a run's timeline. */
export async function writeEvent(
  queries: Queries,
  row: RunRow,
  { at, note }: { at: number; note: string },
): Promise<void> {
  await queries
    .insertInto('run_events')
    .values({ run_id: row.run_id, seq: row.version, at, status: row.status, note })
    .execute();
}

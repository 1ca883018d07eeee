import type { Insertable, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { RunRow, RunTable, Schema } from '../schema.ts';
import { type BudgetRules, reserveBudget } from './budgets.ts';
import { addLedgerEntry } from './ledger.ts';

export interface NewRun {
  row: Insertable<RunTable>;
  tags: Readonly<Record<string, string>>;
  /** The most that the run can cost; undefined when nobody knows. */
  wantedMicros: number | undefined;
  /** The least that it costs, where that is known. */
  leastMicros?: number | undefined;
  /** How budgets count other currencies and unknown prices. */
  rules?: Omit<BudgetRules, 'now'> | undefined;
}

/**
 * Reserves the budget and inserts a queued run with its idempotency key, in one transaction. A key that the subject
 * has used before returns that run and reserves nothing, also when both come at the same instant. Throws
 * `budget_exceeded`, `price_unknown` or `budget_currency_mismatch`.
 */
export async function insertRun(
  database: Database,
  { row, tags, wantedMicros, leastMicros, rules }: NewRun,
): Promise<{ isNew: boolean; row: RunRow }> {
  return database.transaction(async (queries) => {
    const existing = () => findByKey(queries, row.subject, row.idempotency_key);
    const reservation = await reserveBudget(queries, {
      ...rules,
      subject: row.subject,
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

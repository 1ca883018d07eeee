import { type Insertable, sql, type Updateable } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow, RunTable, WebhookDeliveryTable } from '../schema.ts';
import { addLedgerEntry, type Certainty } from './ledger.ts';

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
  if (write.event === undefined) return updateLeased(database.queries, lease, write);
  const { at, note } = write.event;
  return database.transaction(async (queries) => {
    const row = await updateLeased(queries, lease, write);
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
  delivery(row: RunRow): Omit<Insertable<WebhookDeliveryTable>, 'run_id'> | undefined;
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
  return database.transaction(async (queries) => {
    const row = await updateLeased(queries, lease, { patch: endPatch(end), isRelease: true });
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

/** Notes that somebody wants a run stopped and makes it due; false when it has ended. Keeps the version. */
export async function requestCancel(
  queries: Queries,
  run: { runId: string; subject: string; at: number },
): Promise<boolean> {
  const updated = await queries
    .updateTable('runs')
    .set({ cancel_requested_at: sql`coalesce(cancel_requested_at, ${run.at})`, next_poll_at: run.at })
    .where('run_id', '=', run.runId)
    .where('subject', '=', run.subject)
    .where('phase', '<>', 'done')
    .returning('run_id')
    .executeTakeFirst();
  return updated !== undefined;
}

/** Makes the runs of a provider that wait longest for a free place due now. */
export async function hastenQueuedRuns(
  queries: Queries,
  request: { provider: string; now: number; limit: number },
): Promise<void> {
  await queries
    .updateTable('runs')
    .set({ next_poll_at: request.now })
    .where('run_id', 'in', (eb) =>
      eb
        .selectFrom('runs')
        .select('run_id')
        .where('provider', '=', request.provider)
        .where('phase', '=', 'queued')
        .where('next_poll_at', '>', request.now)
        .orderBy('created_at')
        .limit(request.limit),
    )
    .where('phase', '=', 'queued')
    .execute();
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
  const delivery = end.delivery(row);
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

async function updateLeased(
  queries: Queries,
  lease: RunLease,
  { patch, isRelease }: RunWrite,
): Promise<RunRow | undefined> {
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
    .returningAll()
    .executeTakeFirst();
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

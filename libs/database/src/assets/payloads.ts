/** What is kept of ended runs beside the fact that they ran: deleted here at once, and at their platforms when those can be asked. */
import { sql } from 'kysely';
import { addAudit } from '../audit/audit.ts';
import type { Database, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

/** What a run keeps when its payload is gone: nothing of what went in or came out. */
const emptied = { input: '{}', file_fields: '{}', raw: null, logs: '[]' } as const;

export interface Forgetting {
  runId: string;
  /** Whose it is; undefined: whoever's. */
  subject?: string | undefined;
  now: number;
  /** What stays of the outputs; undefined where nothing changes. */
  outputs(row: RunRow): string | undefined;
  /** Input, logs and the platform's reply as well. */
  isWhole: boolean;
  /** Whether its platform can be asked to delete what it keeps. */
  isAsked(row: RunRow): boolean;
  /** Of the audit trail: who did it. */
  actor: string;
}

/**
 * Deletes what an ended run keeps, in one transaction with the note that its platform is to be asked; `'goes_on'` where it has not
 * ended, undefined where there is none. Twice is like once.
 */
export async function forgetRunPayload(
  database: Database,
  wanted: Forgetting,
): Promise<{ row: RunRow; isAsked: boolean } | 'goes_on' | undefined> {
  return database.transaction(async (queries) => {
    const row = await findLocked(queries, wanted, database.dialect === 'postgres');
    if (row === undefined) return undefined;
    if (row.phase !== 'done') return 'goes_on';
    await emptyRow(queries, row, wanted);
    // Where one output of several goes, its receiver is told all the same: the link leads nowhere.
    if (wanted.isWhole) await emptyDeliveries(queries, row.run_id);
    const isAsked = wanted.isWhole && wanted.isAsked(row);
    if (isAsked) await askPlatform(queries, row, wanted.now);
    if (wanted.isWhole && row.payload_deleted_at === null) await note(queries, row, wanted);
    return { row, isAsked };
  });
}

async function emptyRow(
  queries: Queries,
  row: RunRow,
  { now, isWhole, ...wanted }: Forgetting,
): Promise<void> {
  const outputs = wanted.outputs(row);
  await queries
    .updateTable('runs')
    .set({
      ...(outputs === undefined ? {} : { outputs }),
      ...(isWhole ? { ...emptied, payload_deleted_at: row.payload_deleted_at ?? now } : { raw: null }),
      version: sql`version + 1`,
    })
    .where('run_id', '=', row.run_id)
    .execute();
}

async function findLocked(
  queries: Queries,
  { runId, subject }: Forgetting,
  isLocked: boolean,
): Promise<RunRow | undefined> {
  let query = queries.selectFrom('runs').selectAll().where('run_id', '=', runId);
  if (subject !== undefined) query = query.where('subject', '=', subject);
  return (isLocked ? query.forUpdate() : query).executeTakeFirst();
}

/** What they would tell is gone: one that was not delivered is given up. */
async function emptyDeliveries(queries: Queries, runId: string): Promise<void> {
  await queries
    .updateTable('webhook_deliveries')
    .set({ body: '', next_attempt_at: null })
    .where('run_id', '=', runId)
    .execute();
}

async function askPlatform(queries: Queries, row: RunRow, now: number): Promise<void> {
  await queries
    .insertInto('payload_deletions')
    .values({
      ...{ run_id: row.run_id, subject: row.subject, provider: row.provider, attempts: 0 },
      ...{ next_attempt_at: now, lease_until: null, asked_at: now, outcome: null },
    })
    .onConflict((conflict) => conflict.column('run_id').doNothing())
    .execute();
}

async function note(queries: Queries, row: RunRow, { now, actor }: Forgetting): Promise<void> {
  await addAudit(queries, {
    ...{ at: now, actor, action: 'run.payload_deleted', subject: row.subject, object: row.run_id },
    details: { model: row.model },
  });
}

export interface PayloadDeletion {
  run_id: string;
  subject: string;
  provider: string;
  attempts: number;
  lease_until: number | null;
}

/** Takes what platforms are to delete and nobody is asking them for. */
export async function leasePayloadDeletions(
  database: Database,
  request: { now: number; leaseMs: number; limit: number },
): Promise<PayloadDeletion[]> {
  const { now, leaseMs, limit } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('payload_deletions')
        .select('run_id as due_id')
        .where('next_attempt_at', '<=', now)
        .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
        .orderBy('next_attempt_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('payload_deletions')
    .set({ lease_until: now + leaseMs })
    .where('run_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returning(['run_id', 'subject', 'provider', 'attempts', 'lease_until'])
    .execute();
}

/** Books one attempt; without a next one it is over. */
export async function settlePayloadDeletion(
  queries: Queries,
  deletion: PayloadDeletion,
  result: { outcome: string | null; nextAttemptAt: number | null },
): Promise<void> {
  await queries
    .updateTable('payload_deletions')
    .set({
      attempts: deletion.attempts + 1,
      outcome: result.outcome,
      next_attempt_at: result.nextAttemptAt,
      lease_until: null,
    })
    .where('run_id', '=', deletion.run_id)
    .where('lease_until', '=', deletion.lease_until)
    .execute();
}

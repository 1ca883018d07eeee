/**
 * Batches: many runs that are made, budgeted and ended together. Each is a run like any other; one that waits for its turn
 * is queued with no time at which it is due, and gets one as others end.
 */
import { type Insertable, sql, type Transaction } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { BatchRow, BatchTable, RunRow, RunTable, Schema } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';
import { type BudgetRules, reserveBudget } from './budgets.ts';
import type { Payer } from './spending-limits.ts';

export interface NewBatchRun {
  row: Omit<Insertable<RunTable>, 'reserved_micros'>;
  /** The most that it can cost; undefined when nobody knows. */
  wantedMicros: number | undefined;
}

export interface NewBatch {
  batch: Insertable<BatchTable>;
  runs: readonly NewBatchRun[];
  tags: Readonly<Record<string, string>>;
  payer: Payer;
  rules: Omit<BudgetRules, 'now'>;
}

/** Rows in one statement: SQLite takes 32,766 values. */
const rowsAtOnce = 200;

/**
 * Reserves the budget of all runs and inserts them, in one transaction: all of it or nothing. A key that the subject has used
 * before returns that batch and reserves nothing. Throws as `insertRun` does.
 */
export async function insertBatch(
  database: Database,
  { batch, runs, tags, payer, rules }: NewBatch,
): Promise<{ isNew: boolean; row: BatchRow }> {
  return database.transaction(async (queries) => {
    const existing = () => findBatchByKey(queries, batch.subject, batch.idempotency_key);
    const price = wantedOf(runs, rules);
    const reservation = await reserveBudget<BatchRow>(queries, {
      ...rules,
      payer,
      currency: batch.currency,
      now: batch.created_at,
      wantedMicros: price.wantedMicros,
      dialect: database.dialect,
      existing,
    });
    if (reservation.kind === 'replay') return { isNew: false, row: reservation.row };
    await holdElsewhere(queries, { runs, payer, rules, batch, dialect: database.dialect, existing });
    const inserted = await queries
      .insertInto('batches')
      .values(batch)
      .onConflict((conflict) => conflict.columns(['subject', 'idempotency_key']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (inserted === undefined) {
      const row = await existing();
      if (row === undefined) throw new Error('a batch with this key exists but cannot be read');
      return { isNew: false, row };
    }
    const heldOfUnpriced = reservation.isBound ? price.eachUnpriced(reservation.micros) : 0;
    const rows = runs.map(({ row, wantedMicros }) => ({
      ...row,
      reserved_micros: wantedMicros ?? heldOfUnpriced,
    }));
    await insertRuns(queries, rows, tags);
    return { isNew: true, row: inserted };
  });
}

/** Where the runs of a batch go to several platforms, each of those may have a budget of its own. */
async function holdElsewhere(
  queries: Transaction<Schema>,
  {
    runs,
    payer,
    rules,
    batch,
    dialect,
    existing,
  }: Pick<NewBatch, 'runs' | 'payer' | 'rules' | 'batch'> & {
    dialect: Database['dialect'];
    existing: () => Promise<BatchRow | undefined>;
  },
): Promise<void> {
  const others = new Set(runs.map(({ row }) => row.provider).filter((one) => one !== payer.provider));
  for (const provider of [...others].sort()) {
    const own = runs.filter(({ row }) => row.provider === provider);
    await reserveBudget(queries, {
      ...{ ...rules, dialect, existing, currency: batch.currency, now: batch.created_at },
      // Its other budgets hold all of the batch already.
      payer: { subject: '', provider },
      wantedMicros: wantedOf(own, rules).wantedMicros,
    });
  }
}

/** What all runs ask of budgets; a run of unknown price counts as the rules say. */
function wantedOf(
  runs: readonly NewBatchRun[],
  { unpriced }: Omit<BudgetRules, 'now'>,
): { wantedMicros: number | undefined; eachUnpriced(held: number): number } {
  const known = runs.reduce((sum, { wantedMicros = 0 }) => sum + wantedMicros, 0);
  const count = runs.filter(({ wantedMicros }) => wantedMicros === undefined).length;
  const { policy, capMicros } = unpriced ?? { policy: 'cap' };
  if (count === 0 || policy === 'allow') return { wantedMicros: known, eachUnpriced: () => 0 };
  if (policy === 'cap' && capMicros !== undefined)
    return { wantedMicros: known + capMicros * count, eachUnpriced: () => capMicros };
  // Refused where a budget holds it, or all that is left.
  return {
    wantedMicros: undefined,
    eachUnpriced: (held) => Math.max(0, Math.floor((held - known) / count)),
  };
}

async function insertRuns(
  queries: Transaction<Schema>,
  rows: readonly Insertable<RunTable>[],
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    const part = rows.slice(at, at + rowsAtOnce);
    await queries.insertInto('runs').values(part).execute();
    const events = part.map(({ run_id, version, created_at: created, status }) => ({
      ...{ run_id, seq: version, at: created, status, note: 'accepted' },
    }));
    await queries.insertInto('run_events').values(events).execute();
    const tagRows = part.flatMap(({ run_id, subject }) =>
      Object.entries(tags).map(([name, value]) => ({ run_id, subject, name, value })),
    );
    if (tagRows.length > 0) await queries.insertInto('run_tags').values(tagRows).execute();
    const holding = part.filter(({ reserved_micros: micros }) => micros > 0);
    if (holding.length > 0) await queries.insertInto('ledger').values(holding.map(toReserve)).execute();
  }
}

function toReserve(row: Insertable<RunTable>) {
  const { run_id, subject, provider, model, currency, client, mount, reserved_micros: micros } = row;
  return {
    entry_id: `${run_id}:reserve`,
    ...{ run_id, subject, provider, model, currency },
    ...{ client: client ?? '', mount: mount ?? '' },
    kind: 'reserve',
    amount_micros: micros,
    at: row.created_at,
  };
}

export async function findBatchByKey(
  queries: Queries,
  subject: string,
  idempotencyKey: string,
): Promise<BatchRow | undefined> {
  return queries
    .selectFrom('batches')
    .selectAll()
    .where('subject', '=', subject)
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst();
}

/** A batch of this subject; anybody else's is as unknown as none. */
export async function findBatch(
  queries: Queries,
  { subject, batchId }: { subject: string; batchId: string },
): Promise<BatchRow | undefined> {
  return queries
    .selectFrom('batches')
    .selectAll()
    .where('subject', '=', subject)
    .where('batch_id', '=', batchId)
    .executeTakeFirst();
}

/** Newest first. */
export async function listBatches(
  queries: Queries,
  request: {
    subject: string;
    before: { createdAt: number; batchId: string } | undefined;
    limit: number;
  },
): Promise<BatchRow[]> {
  const { subject, before, limit } = request;
  let query = queries.selectFrom('batches').selectAll().where('subject', '=', subject);
  if (before !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', before.createdAt),
        eb.and([eb('created_at', '=', before.createdAt), eb('batch_id', '>', before.batchId)]),
      ]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('batch_id').limit(limit).execute();
}

/** How the runs of a batch stand. */
export interface BatchState {
  /** By status; those that wait for their turn are under `waiting`. */
  counts: Readonly<Record<string, number>>;
  /** Not ended and not waiting. */
  underWay: number;
  waiting: number;
  /** Of all runs, in millionths of the batch's currency. */
  estimatedMicros: number;
  /** Held by those that have not ended. */
  heldMicros: number;
  /** What those under way may cost, and how many of them have no price. */
  estimatedUnderWayMicros: number;
  unpricedUnderWay: number;
  /** What budgets count of those that ended, and the part of it that is assumed. */
  chargedMicros: number;
  assumedMicros: number;
  unknownRuns: number;
}

export async function readBatchState(
  queries: Queries,
  { batch_id: batchId, currency }: Pick<BatchRow, 'batch_id' | 'currency'>,
): Promise<BatchState> {
  const { rows } = await sql<Record<string, string | number>>`
    select case when phase = 'queued' and next_poll_at is null then 'waiting' else status end as state,
      case when phase = 'done' then 1 else 0 end as ended, count(*) as runs,
      sum(coalesce(estimated_micros, 0)) as estimated, sum(reserved_micros) as held,
      sum(case when estimated_micros is null then 1 else 0 end) as unpriced
    from runs where batch_id = ${batchId} group by 1, 2`.execute(queries);
  const charges = await sql<Record<string, string | number>>`
    select certainty, sum(ledger.amount_micros) as charged,
      sum(case when ledger.entry_id like '%:back' then -1 else 1 end) as runs
    from runs join ledger on ledger.run_id = runs.run_id
    where runs.batch_id = ${batchId} and ledger.kind = 'charge' and ledger.currency = ${currency}
    group by certainty`.execute(queries);
  const sum = (all: readonly Record<string, string | number>[], name: string) =>
    all.reduce((total, row) => total + Number(row[name] ?? 0), 0);
  const open = rows.filter(({ ended }) => Number(ended) === 0);
  const moving = open.filter(({ state }) => state !== 'waiting');
  const counts: Record<string, number> = {};
  for (const { state, runs } of rows) counts[String(state)] = (counts[String(state)] ?? 0) + Number(runs);
  const unknown = charges.rows.filter(({ certainty }) => certainty === 'unknown');
  return {
    counts,
    underWay: sum(moving, 'runs'),
    waiting: counts.waiting ?? 0,
    estimatedMicros: sum(rows, 'estimated'),
    heldMicros: sum(open, 'held'),
    estimatedUnderWayMicros: sum(moving, 'estimated'),
    unpricedUnderWay: sum(moving, 'unpriced'),
    chargedMicros: sum(charges.rows, 'charged'),
    assumedMicros: sum(
      charges.rows.filter(({ certainty }) => certainty !== 'known'),
      'charged',
    ),
    unknownRuns: sum(unknown, 'runs'),
  };
}

/** Runs of a batch in its order, those that failed before all others where nothing says which. */
export async function listBatchRuns(
  queries: Queries,
  request: {
    batchId: string;
    status?: string | undefined;
    after: { rank: number; index: number } | undefined;
    limit: number;
  },
): Promise<(RunRow & { rank: number })[]> {
  const { batchId, status, after, limit } = request;
  const rank =
    status === undefined
      ? sql<number>`case when status in ('failed', 'expired') then 0 else 1 end`
      : sql<number>`1`;
  const rows = await queries
    .selectFrom('runs')
    .selectAll()
    .select(rank.as('rank'))
    .where('batch_id', '=', batchId)
    .$if(status !== undefined, (query) => query.where('status', '=', status ?? ''))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(${rank} > ${after?.rank ?? 0} or (${rank} = ${after?.rank ?? 0} and batch_index > ${after?.index ?? 0}))`,
      ),
    )
    .orderBy('rank')
    .orderBy('batch_index')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, rank: Number(row.rank) }));
}

/** Takes batches that are to be looked at, so that no two replicas look at one at the same time. */
export async function takeDueBatches(
  database: Database,
  { now, nextAt, limit }: { now: number; nextAt: number; limit: number },
): Promise<BatchRow[]> {
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('batches')
        .select('batches.batch_id as due_id')
        .where('next_look_at', '<=', now)
        .orderBy('next_look_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('batches')
    .set({ next_look_at: nextAt })
    .where('batch_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returningAll()
    .execute();
}

/** What is to become of a batch by how it stands. */
export type BatchStep =
  | { kind: 'wait' }
  /** So many of those that wait get their turn, in the order of the batch. */
  | { kind: 'release'; runs: (waiting: readonly RunRow[]) => readonly RunRow[]; limit: number }
  /** Those that wait never get it. */
  | { kind: 'stop'; why: 'cancelled' | 'max_cost' }
  | { kind: 'finish' };

/**
 * Decides a step by how the batch stands and takes it, alone: whoever else looks at the same batch waits until this is
 * written. Answers the batch and what it stood at, with the runs that were released.
 */
export async function advanceBatch(
  database: Database,
  batchId: string,
  request: {
    now: number;
    /** By what a run is sent in turn. */
    rankOf(row: RunRow): number | null;
    decide(batch: BatchRow, state: BatchState): BatchStep;
  },
): Promise<{ batch: BatchRow; released: RunRow[]; step: BatchStep['kind'] } | undefined> {
  const { now, rankOf, decide } = request;
  return database.transaction(async (queries) => {
    const lock = queries.selectFrom('batches').selectAll().where('batch_id', '=', batchId);
    const batch = await (database.dialect === 'postgres' ? lock.forUpdate() : lock).executeTakeFirst();
    if (batch === undefined || batch.finished_at !== null) return undefined;
    const state = await readBatchState(queries, batch);
    const step = decide(batch, state);
    if (step.kind === 'wait') return { batch, released: [], step: step.kind };
    if (step.kind !== 'release') return endStep(queries, batch, { step, now });
    const released = step.runs(await waitingRuns(queries, batchId, step.limit));
    // Not even the next one is affordable, and nothing that ends can change that.
    if (released.length === 0 && state.underWay === 0)
      return endStep(queries, batch, { step: { kind: 'stop', why: 'max_cost' }, now });
    for (const row of released) await giveTurn(queries, row, { now, rank: rankOf(row) });
    return { batch, released: [...released], step: step.kind };
  });
}

async function endStep(
  queries: Transaction<Schema>,
  batch: BatchRow,
  { step, now }: { step: Extract<BatchStep, { kind: 'stop' | 'finish' }>; now: number },
): Promise<{ batch: BatchRow; released: RunRow[]; step: BatchStep['kind'] }> {
  const patch = step.kind === 'stop' ? { stopped: step.why } : { finished_at: now, next_look_at: null };
  await queries.updateTable('batches').set(patch).where('batch_id', '=', batch.batch_id).execute();
  return { batch: { ...batch, ...patch }, released: [], step: step.kind };
}

/** Makes a run that waited due. Its time begins now. */
async function giveTurn(
  queries: Transaction<Schema>,
  row: RunRow,
  { now, rank }: { now: number; rank: number | null },
): Promise<void> {
  await queries
    .updateTable('runs')
    .set({
      next_poll_at: now,
      deadline_at: now + (row.deadline_at - row.created_at),
      send_rank: rank,
      version: sql`version + 1`,
    })
    .where('run_id', '=', row.run_id)
    .where('phase', '=', 'queued')
    .execute();
}

/** Runs of a batch that were not started, in its order. */
export async function waitingRuns(queries: Queries, batchId: string, limit: number): Promise<RunRow[]> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('batch_id', '=', batchId)
    .where('phase', '=', 'queued')
    .where('next_poll_at', 'is', null)
    .orderBy('batch_index')
    .limit(limit)
    .execute();
}

/** Those of a batch that have been started and have not ended. */
export async function openBatchRuns(queries: Queries, batchId: string): Promise<RunRow[]> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('batch_id', '=', batchId)
    .where('phase', '<>', 'done')
    .where('next_poll_at', 'is not', null)
    .orderBy('batch_index')
    .execute();
}

/** Notes that its owner wants it stopped and makes it due; false when it is over. */
export async function requestBatchCancel(
  queries: Queries,
  { batchId, at }: { batchId: string; at: number },
): Promise<boolean> {
  const updated = await queries
    .updateTable('batches')
    .set({ cancel_requested_at: sql`coalesce(cancel_requested_at, ${at})`, next_look_at: at })
    .where('batch_id', '=', batchId)
    .where('finished_at', 'is', null)
    .returning('batch_id')
    .executeTakeFirst();
  return updated !== undefined;
}

export async function setBatchFiles(queries: Queries, batchId: string, files: string): Promise<void> {
  await queries.updateTable('batches').set({ files }).where('batch_id', '=', batchId).execute();
}

import { sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { takeBackEntries } from './ledger.ts';
import { type RunWrite, writeEvent } from './run-writes.ts';

/**
 * What a process knows of a submit is a fact, whoever holds the run by now and whatever others concluded meanwhile. These
 * writes need no lease: they say something of one submit, and take the lease away from whoever went by less.
 */

export interface TakenJob {
  runId: string;
  /** When it was sent, where that is known. */
  submittedAt: number | undefined;
  /** JSON */
  handle: string;
  upstreamId: string | null;
  /** The platform has it in a queue of its own. */
  isQueued: boolean;
  at: number;
  note: string;
}

/**
 * `adopted`: the row has the handle now. `known`: it had it before. `another`: it has a different one, so that the platform
 * took two. `gone`: there is no such run, or it ended in a way that a job cannot change.
 */
export type Adoption = { outcome: 'adopted' | 'known' | 'another'; row: RunRow } | { outcome: 'gone' };

/**
 * Gives a run the handle of the job that was taken for it. A run that was waiting, or was given up because nobody knew of
 * the job, goes on with it: what was booked for its end is taken back, at the time at which it was booked.
 */
export async function adoptJob(database: Database, job: TakenJob): Promise<Adoption> {
  return database.transaction(async (queries) => {
    const row = await lockRun(database, queries, job.runId);
    if (row === undefined) return { outcome: 'gone' };
    if (row.handle !== null && row.handle !== job.handle) return { outcome: 'another', row };
    if (row.phase === 'done' && isRevocable(row)) await takeBackEnd(queries, row);
    else if (row.handle !== null) return { outcome: 'known', row };
    else if (row.phase === 'done') return { outcome: 'gone' };
    const adopted = await writeUnleased(queries, row, {
      patch: toAdoption(row, job),
      event: { at: job.at, note: job.note },
    });
    return { outcome: 'adopted', row: adopted };
  });
}

function toAdoption(row: RunRow, job: Omit<TakenJob, 'runId' | 'note'>): RunWrite['patch'] {
  return {
    phase: 'running',
    status: job.isQueued ? 'queued' : 'running',
    handle: job.handle,
    upstream_id: job.upstreamId ?? row.upstream_id,
    submitted_at: job.submittedAt ?? row.submitted_at ?? job.at,
    poll_attempts: 0,
    next_poll_at: job.at,
    ...(row.phase === 'done' && { finished_at: null, error: null, charged_micros: null }),
  };
}

const backAgain = { submittedAt: undefined, upstreamId: null, isQueued: false };

/**
 * Takes back the run of a job that lives in one process, for that process: `held` while another holds it, `over` when it has
 * ended or goes on with another job.
 */
export async function reclaimRun(
  database: Database,
  job: { runId: string; handle: string; owner: string; now: number; leaseMs: number },
): Promise<RunRow | 'held' | 'over'> {
  const { runId, handle, owner, now, leaseMs } = job;
  return database.transaction(async (queries) => {
    const row = await lockRun(database, queries, runId);
    const isOver = row === undefined || (row.phase === 'done' && !isRevocable(row));
    if (isOver || row.handle !== handle) return 'over';
    if (row.lease_until !== null && row.lease_until > now) return 'held';
    if (row.phase === 'done') await takeBackEnd(queries, row);
    const back = row.phase === 'done' ? toAdoption(row, { ...job, ...backAgain, at: now }) : {};
    return queries
      .updateTable('runs')
      .set({
        ...back,
        ...{ lease_owner: owner, lease_until: now + leaseMs, next_poll_at: now, version: sql`version + 1` },
      })
      .where('run_id', '=', runId)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** Changes a run whose submit is still without an answer, if the caller still wants to when it sees it; else undefined. */
export async function changeUnanswered(
  database: Database,
  runId: string,
  toWrite: (row: RunRow) => RunWrite | undefined,
): Promise<RunRow | undefined> {
  return database.transaction(async (queries) => {
    const row = await lockRun(database, queries, runId);
    if (row?.phase !== 'submitting' || row.handle !== null) return undefined;
    const write = toWrite(row);
    return write && writeUnleased(queries, row, write);
  });
}

/** Whether another run of the provider has this job already. */
export async function hasJobOfOther(
  queries: Queries,
  job: { runId: string; provider: string; upstreamId: string },
): Promise<boolean> {
  const row = await queries
    .selectFrom('runs')
    .select('run_id')
    .where('provider', '=', job.provider)
    .where('upstream_id', '=', job.upstreamId)
    .where('run_id', '<>', job.runId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Ended without a job, for want of one, or of whoever could tell of it: not by a refusal, which nothing can follow. */
function isRevocable({ status, error, handle }: RunRow): boolean {
  if (status === 'failed') return error?.includes('"submit_unknown"') === true;
  return handle === null && status !== 'succeeded';
}

async function takeBackEnd(queries: Queries, row: RunRow): Promise<void> {
  await takeBackEntries(queries, row.run_id);
  // Of an end that is none nobody need hear; whoever did hears of the real one by a message of its own.
  await queries
    .updateTable('webhook_deliveries')
    .set({ next_attempt_at: null })
    .where('run_id', '=', row.run_id)
    .where('delivered_at', 'is', null)
    .execute();
}

async function lockRun(database: Database, queries: Queries, runId: string): Promise<RunRow | undefined> {
  return queries
    .selectFrom('runs')
    .selectAll()
    .where('run_id', '=', runId)
    .$if(database.dialect === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst();
}

/** Whoever holds the run loses it by the version, and is free to lease it again. */
async function writeUnleased(queries: Queries, row: RunRow, { patch, event }: RunWrite): Promise<RunRow> {
  const changed = await queries
    .updateTable('runs')
    .set({ ...patch, lease_owner: null, lease_until: null, version: sql`version + 1` })
    .where('run_id', '=', row.run_id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (event !== undefined) await writeEvent(queries, changed, event);
  return changed;
}

// Compares what the platform took and charged with what the database says, after a trial has come to rest.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, type RunRow, verifyAudit } from '@inferry/database';
import { verifyLedger } from '@inferry/inference-poller';
import type { LogicalCall } from './load.ts';
import { chargedFor, type Submission } from './platform.ts';
import type { TrialSystem } from './system.ts';

export interface Findings {
  rows: number;
  terminal: number;
  /** Submits that the platform read. */
  submissions: number;
  accepted: number;
  /** Jobs that were taken for a run beside its first. */
  duplicate_submissions: number;
  submit_unknown: number;
  /** Of these, those whose job the platform took. */
  submit_unknown_accepted: number;
  /** Runs given up although the platform's answer, or its callback, reached a process of ours. */
  forgotten_handles: number;
  /** Runs whose state is another than their job's. */
  wrong_ends: number;
  /** Two runs of one reference. */
  split_references: number;
  /** Runs that a caller was told of and that are not in the database. */
  lost_runs: number;
  /** Dollars between what the platform charged and what was booked, over the runs whose cost the platform tells. */
  ledger_difference: number;
  /** Runs of which the ledger says something else than they do (`npm run admin -- ledger verify`). */
  ledger_problems: number;
  /** Lines of the audit trail that are missing or changed, up to the first. */
  audit_problems: number;
  /** Dollars that are still reserved. */
  still_reserved: number;
  /** Budgets that were overspent. */
  overspent_budgets: number;
  details: string[];
}

const micros = 1_000_000;
/** These platforms tell what a job cost. */
const tellsCost = new Set(['runflow', 'runware', 'acme']);
const ends = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/** Resolves when every run has ended and nothing is due, or after `timeoutMs`. */
export async function comeToRest(database: Database, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + timeoutMs;
  while (performance.now() < until) {
    const rows = await readRuns(database).catch(() => undefined);
    if (rows?.every((row) => ends.has(row.status) && row.next_poll_at === null)) break;
    await sleep(500);
  }
  return Math.round((performance.now() - startedAt) / 100) / 10;
}

export async function verify(system: TrialSystem, calls: readonly LogicalCall[]): Promise<Findings> {
  const rows = await readRuns(system.database);
  const byTag = groupBy(system.platform.submissions, ({ tag }) => tag);
  const rowsByTag = groupBy(rows, tagOf);
  const details: string[] = [];
  const unknown = rows.filter((row) => errorCode(row) === 'submit_unknown');
  const isTaken = (row: RunRow) => jobsOf(row, byTag, rowsByTag).length > 0;
  const forgotten = unknown.filter((row) =>
    jobsOf(row, byTag, rowsByTag).some(({ wasTold, wasCalledBack }) => wasTold || wasCalledBack),
  );
  const duplicates = countDuplicates({ byTag, rowsByTag, details });
  for (const row of forgotten) details.push(`forgotten ${describe(row)}`);
  const ledger = await verifyLedger(system.database);
  const audit = await verifyAudit(system.database);
  for (const { run_id: id, problem } of ledger.examples) details.push(`ledger: ${id} ${problem}`);
  if (audit.broken !== undefined) details.push(`audit: ${audit.broken.place} ${audit.broken.problem}`);
  return {
    rows: rows.length,
    terminal: rows.filter((row) => ends.has(row.status)).length,
    submissions: system.platform.submissions.length,
    accepted: system.platform.submissions.filter(({ jobId }) => jobId !== undefined).length,
    duplicate_submissions: duplicates,
    submit_unknown: unknown.length,
    submit_unknown_accepted: unknown.filter(isTaken).length,
    forgotten_handles: forgotten.length,
    wrong_ends: countWrongEnds(rows, { byTag, rowsByTag, details }),
    split_references: countSplit(calls, details),
    lost_runs: calls
      .flatMap(({ runIds }) => [...runIds])
      .filter((id) => rows.every((row) => row.run_id !== id)).length,
    ledger_problems: ledger.differences,
    audit_problems: audit.broken === undefined ? 0 : 1,
    ...(await compareLedger(system.database, { rows, byTag, rowsByTag, details })),
    details: details.slice(0, 60),
  };
}

interface Comparison {
  byTag: ReadonlyMap<string, Submission[]>;
  rowsByTag: ReadonlyMap<string, RunRow[]>;
  details: string[];
}

/** A caller without a reference who asks once has one run; each row of a tag may have one job. */
function countDuplicates({ byTag, rowsByTag, details }: Comparison): number {
  let count = 0;
  for (const [tag, submissions] of byTag) {
    const taken = submissions.filter(({ jobId }) => jobId !== undefined);
    const extra = taken.length - Math.max(1, rowsByTag.get(tag)?.length ?? 0);
    if (extra <= 0) continue;
    count += extra;
    const at = taken.map(({ readAt, takenAt }) => `${readAt}>${takenAt}`).join(' ');
    details.push(`taken ${taken.length} times: ${tag} ${taken[0]?.dialect} ${taken[0]?.script.answer} ${at}`);
  }
  return count;
}

function countWrongEnds(rows: readonly RunRow[], { byTag, rowsByTag, details }: Comparison): number {
  const wrong = rows.filter((row) => {
    const [job] = jobsOf(row, byTag, rowsByTag);
    if (job === undefined || errorCode(row) === 'submit_unknown' || row.status === 'cancelled') return false;
    return row.status !== job.script.outcome;
  });
  for (const row of wrong) details.push(`ended otherwise than its job: ${describe(row)}`);
  return wrong.length;
}

function countSplit(calls: readonly LogicalCall[], details: string[]): number {
  const split = calls.filter(({ clientRef, runIds }) => clientRef !== undefined && runIds.size > 1);
  for (const call of split) details.push(`two runs of one reference: ${call.tag}`);
  return split.length;
}

async function compareLedger(
  database: Database,
  { rows, byTag, rowsByTag, details }: Comparison & { rows: readonly RunRow[] },
): Promise<Pick<Findings, 'ledger_difference' | 'still_reserved' | 'overspent_budgets'>> {
  const entries = await database.queries.selectFrom('ledger').selectAll().execute();
  const byRun = groupBy(entries, ({ run_id: id }) => id);
  const sum = (kinds: readonly string[], id: string) =>
    (byRun.get(id) ?? [])
      .filter(({ kind }) => kinds.includes(kind))
      .reduce((total, { amount_micros: amount }) => total + Number(amount), 0);
  let difference = 0;
  for (const row of rows) {
    const jobs = jobsOf(row, byTag, rowsByTag);
    if (!tellsCost.has(row.provider) || errorCode(row) === 'submit_unknown') continue;
    // A job that was cancelled here runs on there, and what it cost is told to nobody.
    if (row.status === 'cancelled') continue;
    const paid = jobs.reduce((total, job) => total + Math.round(chargedFor(job) * micros), 0);
    const booked = sum(['charge'], row.run_id);
    if (paid === booked) continue;
    difference += Math.abs(paid - booked);
    details.push(`paid ${paid / micros}, booked ${booked / micros}: ${describe(row)}`);
  }
  const held = rows.reduce((total, { run_id: id }) => total + sum(['reserve', 'release'], id), 0);
  const budgets = await database.queries.selectFrom('budgets').selectAll().execute();
  const spentBy = (subject: string) =>
    entries
      .filter((entry) => entry.subject === subject && entry.kind === 'charge')
      .reduce((total, { amount_micros: amount }) => total + Number(amount), 0);
  return {
    ledger_difference: difference / micros,
    still_reserved: held / micros,
    overspent_budgets: budgets.filter(({ subject, limit_micros: limit }) => spentBy(subject) > Number(limit))
      .length,
  };
}

/** The jobs of one row: by the reference or the id that both know, else those of its tag where it is the only row. */
function jobsOf(row: RunRow, byTag: Comparison['byTag'], rowsByTag: Comparison['rowsByTag']): Submission[] {
  const tag = tagOf(row);
  const taken = (byTag.get(tag) ?? []).filter(({ jobId }) => jobId !== undefined);
  const siblings = rowsByTag.get(tag) ?? [];
  if (siblings.length <= 1) return taken;
  const known = taken.filter(
    ({ jobId, reference }) => reference === row.run_id || row.handle?.includes(jobId ?? '\0'),
  );
  return known;
}

function tagOf(row: RunRow): string {
  return /\\"tag\\":\\"(t\d+)\\"/.exec(row.input)?.[1] ?? row.run_id;
}

function errorCode(row: RunRow): string | undefined {
  // as: errors are stored as the envelope that callers get.
  return row.error === null ? undefined : (JSON.parse(row.error) as { code?: string }).code;
}

function describe(row: RunRow): string {
  return `${row.run_id} ${tagOf(row)} ${row.provider} ${row.status} ${row.phase} ${errorCode(row) ?? ''}`.trim();
}

function readRuns(database: Database): Promise<RunRow[]> {
  return database.queries.selectFrom('runs').selectAll().execute();
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

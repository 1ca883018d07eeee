// What has to be true of a world that has come to rest, compared with what its platform really did.
import type { Database, RunRow } from '@inferry/database';
import { verifyLedger } from '@inferry/inference-poller';
import { batchProblems } from './batch-callers.ts';
import { type Deployment, timings } from './deployment.ts';
import { beginning } from './globals.ts';
import type { SimJob, SimPlatform } from './platform.ts';
import type { SimProcess } from './scheduler.ts';

const micros = 1_000_000;

interface World {
  deployment: Deployment;
  platform: SimPlatform;
  database: Database;
  /** Who can still have what they heard, or wrote it down in time. */
  isKept(by: SimProcess, jobId: string): boolean;
  limits: ReadonlyMap<string, number>;
  /** When each run was asked for first. */
  askedAt: ReadonlyMap<string, number>;
  /** Handles are the processes' own, and what a job cost came with its answer. */
  isInCall: boolean;
}

export async function findViolations(world: World): Promise<string[]> {
  const { database } = world;
  const rows = await database.queries.selectFrom('runs').selectAll().execute();
  const entries = await database.queries.selectFrom('ledger').selectAll().execute();
  const { examples } = await verifyLedger(database);
  const chargedTo = (key: 'run_id' | 'subject', value: string) =>
    sum(entries, (entry) => entry[key] === value && entry.kind === 'charge');
  const heldBy = (runId: string) =>
    sum(entries, (entry) => entry.run_id === runId && entry.kind !== 'charge');
  return [
    ...(await batchProblems(database)),
    ...examples.map(({ run_id: id, problem }) => `the ledger of ${id}: ${problem}`),
    ...rows.flatMap((row) => problemsOf(row, world)),
    ...rows.filter(({ run_id: id }) => heldBy(id) !== 0).map(({ run_id: id }) => `${id} still holds money`),
    ...rows.flatMap((row) => wrongCharge(row, world, chargedTo('run_id', row.run_id))),
    ...[...world.limits]
      .filter(([subject, limit]) => chargedTo('subject', subject) > limit)
      .map(([subject]) => `${subject} spent more than the budget`),
  ];
}

function sum<T extends { amount_micros: number }>(
  entries: readonly T[],
  isMeant: (entry: T) => boolean,
): number {
  return entries.filter(isMeant).reduce((total, { amount_micros: amount }) => total + Number(amount), 0);
}

function problemsOf(row: RunRow, world: World): string[] {
  const { platform, isKept } = world;
  const { run_id: id } = row;
  const jobs = platform.jobsOf(id);
  const problems: string[] = [];
  if (row.phase !== 'done') problems.push(`${id} did not end: ${row.status}, ${row.phase}`);
  else if (row.next_poll_at !== null) problems.push(`${id} has ended and is still due`);
  if (jobs.length > 1)
    problems.push(`${id} was taken ${jobs.length} times: ${jobs.map((job) => job.id).join(', ')}`);
  const holder = platform.heard.find(({ runId, jobId, by }) => runId === id && isKept(by, jobId));
  if (isGivenUp(row) && holder !== undefined)
    problems.push(`${id} was given up although ${holder.by.name} knew of ${holder.jobId}`);
  // Whoever found it written down and nobody to ask cannot know that it never left.
  if (row.status === 'failed' && !isGivenUp(row) && !platform.sent.has(id))
    problems.push(`${id} failed, and was never sent`);
  return [...problems, ...wrongTimes(row, world), ...wrongJob(row, jobs, world)];
}

/** By how much a time that was written down may be late: what clocks may be apart, and no sleep. */
const slackMs = 2_000;

/** Deadlines and what may still be taken are told from these times: none may be from before what it is the time of. */
function wrongTimes(row: RunRow, { askedAt, platform }: World): string[] {
  const { run_id: id, created_at: createdAt, submitted_at: submittedAt } = row;
  const asked = askedAt.get(id);
  const left = platform.sent.get(id);
  const earlyMs = asked === undefined ? 0 : beginning + asked - createdAt;
  // A submit leaves before its own deadline, which is told from the time that was written down.
  const lateMs = left === undefined || submittedAt === null ? 0 : beginning + left - submittedAt;
  return [
    ...(earlyMs > slackMs ? [`${id} began ${Math.round(earlyMs)} ms before anybody asked for it`] : []),
    ...(lateMs > slackMs + timings.submitTimeoutMs
      ? [`${id} says that it was sent ${Math.round(lateMs)} ms before it was`]
      : []),
  ];
}

/** Whether it has its own job, and ended as that did. */
function wrongJob(row: RunRow, jobs: readonly SimJob[], { platform, isInCall }: World): string[] {
  const { run_id: id } = row;
  const [job] = jobs;
  const handle = handleOf(row);
  if (handle !== undefined && !isInCall && jobs.every((one) => one.id !== handle))
    return [`${id} has ${handle}, which is not its own`];
  if (row.phase !== 'done' || isGivenUp(row)) return [];
  if (job === undefined) return row.status === 'succeeded' ? [`${id} succeeded, and was never taken`] : [];
  if (row.handle === null) return [`${id} ended as ${row.status} although ${job.id} was taken for it`];
  // Hung up on, the platform goes on with it, and tells nobody.
  if (isInCall && row.status === 'cancelled') return [];
  if (row.provider !== job.provider) return [`${id} is of ${row.provider}, and ${job.id} of ${job.provider}`];
  const { status } = platform.viewOf(job);
  return row.status === status ? [] : [`${id} ended as ${row.status}, ${job.id} as ${status}`];
}

function isGivenUp({ error }: RunRow): boolean {
  return error?.includes('"submit_unknown"') === true;
}

/** The platform tells what ended jobs cost. */
function wrongCharge(row: RunRow, { platform, isInCall }: World, booked: number): string[] {
  const [job] = platform.jobsOf(row.run_id);
  const isTold = row.phase === 'done' && row.handle !== null && !isGivenUp(row);
  if (job === undefined || !isTold || (isInCall && row.status === 'cancelled')) return [];
  const due = job.cancelledAt === undefined ? Math.round(job.cost * micros) : 0;
  return booked === due ? [] : [`${row.run_id} was charged ${booked}, and ${job.id} cost ${due}`];
}

function handleOf({ handle }: RunRow): string | undefined {
  // as: the adapter of this world makes them.
  return handle === null ? undefined : (JSON.parse(handle) as { id: string }).id;
}

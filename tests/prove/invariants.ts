// What has to be true of a world that has come to rest, compared with what its platform really did.
import type { Database, RunRow } from '@inferry/database';
import { verifyLedger } from '@inferry/inference-poller';
import type { Deployment } from './deployment.ts';
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
    ...examples.map(({ run_id: id, problem }) => `the ledger of ${id}: ${problem}`),
    ...rows.flatMap((row) => problemsOf(row, world)),
    ...rows.filter(({ run_id: id }) => heldBy(id) !== 0).map(({ run_id: id }) => `${id} still holds money`),
    ...rows.flatMap((row) => wrongCharge(row, world.platform, chargedTo('run_id', row.run_id))),
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

function problemsOf(row: RunRow, { platform, isKept }: World): string[] {
  const { run_id: id } = row;
  const jobs = platform.jobsOf(id);
  const problems: string[] = [];
  if (row.phase !== 'done') problems.push(`${id} did not end: ${row.status}, ${row.phase}`);
  else if (row.next_poll_at !== null) problems.push(`${id} has ended and is still due`);
  if (jobs.length > 1)
    problems.push(`${id} was taken ${jobs.length} times: ${jobs.map((job) => job.id).join(', ')}`);
  const [job] = jobs;
  const handle = handleOf(row);
  if (handle !== undefined && jobs.every((one) => one.id !== handle))
    problems.push(`${id} has ${handle}, which is not its own`);
  if (job === undefined) return problems;
  const isUnknown = row.error?.includes('"submit_unknown"') === true;
  if (handle === undefined && !isUnknown && row.phase === 'done')
    problems.push(`${id} ended as ${row.status} although ${job.id} was taken for it`);
  const holders = platform.heard.filter(({ runId, jobId, by }) => runId === id && isKept(by, jobId));
  if (isUnknown && holders.length > 0) {
    problems.push(`${id} was given up although ${holders[0]?.by.name} knew of ${holders[0]?.jobId}`);
  }
  if (handle === job.id && row.phase === 'done' && row.status !== platform.viewOf(job).status)
    problems.push(`${id} ended as ${row.status}, ${job.id} as ${platform.viewOf(job).status}`);
  return problems;
}

/** The platform tells what ended jobs cost. */
function wrongCharge(row: RunRow, platform: SimPlatform, booked: number): string[] {
  const job = platform.jobs.get(handleOf(row) ?? '');
  if (job === undefined || row.phase !== 'done') return [];
  const due = costOf(job);
  return booked === due ? [] : [`${row.run_id} was charged ${booked}, and ${job.id} cost ${due}`];
}

function costOf({ cost, cancelledAt }: SimJob): number {
  return cancelledAt === undefined ? Math.round(cost * micros) : 0;
}

function handleOf({ handle }: RunRow): string | undefined {
  // as: the adapter of this world makes them.
  return handle === null ? undefined : (JSON.parse(handle) as { id: string }).id;
}

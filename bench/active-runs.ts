/**
 * Many runs that are under way at once: how late they are polled with the limits as they come, what a poll costs, and
 * how long a new run of somebody else takes meanwhile.
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Cluster, startCluster } from '@inferry/cli';
import { type Database, openDatabase } from '@inferry/database';
import { startPostgres } from '@inferry/testing';
import { sql } from 'kysely';
import { cpuSeconds } from './gateway/cores.ts';
import { residentMib, startNode, stop } from './processes.ts';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

/** Jobs older than two minutes are polled so often, and so often at the least if their platform asks for it. */
export const usualMs = 10_000;
const slowestMs = 60_000;
const warmUpMs = 15_000;
const folder = join(import.meta.dirname, 'active-runs');

interface Trial {
  runs: number;
  pollers: number;
  seconds: number;
  /** Between two polls of a run. */
  every_ms: number;
}

/** 100,000 runs are due 10,000 times a second as jobs usually are, which two cores cannot do: theirs ask to be left alone. */
const trials: readonly Trial[] = [
  { runs: 1_500, pollers: 2, seconds: 20, every_ms: usualMs },
  { runs: 10_000, pollers: 2, seconds: 30, every_ms: usualMs },
  { runs: 10_000, pollers: 10, seconds: 30, every_ms: usualMs },
  { runs: 100_000, pollers: 2, seconds: 40, every_ms: slowestMs },
  { runs: 100_000, pollers: 2, seconds: 600, every_ms: slowestMs },
];

/** Some of them, by place: `BENCH_TRIALS=1,2`. */
function chosen(isQuick: boolean): readonly Trial[] {
  const places = process.env.BENCH_TRIALS?.split(',').map(Number);
  if (places !== undefined) return trials.filter((_, place) => places.includes(place));
  // The last one is for those who ask for it.
  return trials.slice(0, isQuick ? 2 : 4);
}

interface Figures extends Trial {
  /** Of the machine, with whatever else it does. */
  load_average: number;
  /** What is due in a second, and what was polled: 1 is the ideal. */
  due_per_second: number;
  polls_per_second: number;
  polled_share: number;
  late_p50_ms: number;
  late_p99_ms: number;
  late_max_ms: number;
  new_run_p50_ms: number;
  new_run_max_ms: number;
  /** Of all pollers; and of Postgres. */
  cpu_us_per_poll: number;
  database_cpu_us_per_poll: number;
  /** At the beginning of what was measured, and at its end. */
  poller_mib_before: number;
  poller_mib: number;
}

export async function activeRuns({ isQuick }: BenchOptions): Promise<BenchResult> {
  const figures: Figures[] = [];
  for (const trial of chosen(isQuick)) figures.push(await measure(trial));
  return {
    figures: { trials: figures },
    lines: [
      ...figures.map((of) => JSON.stringify(of)),
      'aim: p99 under 1,000 ms late and 0.97 of what is due at 10,000 runs with two pollers; no worse with ten',
    ],
  };
}

async function measure(trial: Trial): Promise<Figures> {
  const upstream = await startUpstream();
  const upstreamUrl = `http://127.0.0.1:${upstream.match[1]}`;
  const postgres = await startPostgres();
  const cluster = await startSystem(trial, { upstreamUrl, databaseUrl: postgres.url });
  const database = openDatabase({ url: postgres.url, maxConnections: 2 });
  try {
    await cluster.ready(90_000);
    await watchLateness(database);
    await seed(database, trial);
    await sleep(warmUpMs);
    return await follow(trial, { cluster, database, upstreamUrl, postgresPid: postgres.pid });
  } finally {
    await database.close();
    await cluster.stop();
    await postgres.stop();
    await stop(upstream.child);
  }
}

/** The scripted platform; its port is what it says first. */
export function startUpstream(): ReturnType<typeof startNode> {
  return startNode([join(folder, 'upstream.ts')], { until: /^port (\d+)$/ });
}

/** Two of everything, and the pollers that are more than two, before the scripted platform. */
export function startSystem(
  { pollers, every_ms: everyMs }: Pick<Trial, 'pollers' | 'every_ms'>,
  { upstreamUrl, databaseUrl }: { upstreamUrl: string; databaseUrl: string },
): Promise<Cluster> {
  const main = fileURLToPath(import.meta.resolve('@inferry/inference-poller/main'));
  const extra = Array.from({ length: (pollers - 2) / 2 }, () => ({ name: 'inference-poller', main }));
  return startCluster({
    replicas: 2,
    port: 0,
    auth: 'none',
    extra,
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      LOG_LEVEL: 'error',
      PROVIDERS: 'local',
      INFERRY_EXTRA_PROVIDERS: join(folder, 'provider.ts'),
      BENCH_UPSTREAM_URL: upstreamUrl,
      ...(everyMs === usualMs ? {} : { BENCH_POLL_AFTER_MS: String(everyMs) }),
      RATE_LIMIT_CREDENTIAL: '1000000',
      RATE_LIMIT_IP_POST_AUTH: '1000000',
    },
    onLine: (prefix, line) => process.env.BENCH_LOG && console.error(prefix, line),
  });
}

/** How late a lease is, of one run in sixteen: told by the database, whatever the services believe. */
async function watchLateness({ queries }: Database): Promise<void> {
  const now = sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`;
  await sql`create unlogged table lateness (ms bigint not null)`.execute(queries);
  await sql`create function note_lateness() returns trigger language plpgsql as $$
    begin insert into lateness values (${now} - old.next_poll_at); return null; end $$`.execute(queries);
  await sql`create trigger note_lateness after update on runs for each row
    when (old.lease_owner is null and new.lease_owner is not null and old.run_id like 'run_long_%0')
    execute function note_lateness()`.execute(queries);
}

/** Runs of another tenant that were sent long ago, due evenly over one interval. */
async function seed({ queries }: Database, { runs, every_ms: everyMs }: Trial): Promise<void> {
  const now = Date.now();
  await sql`insert into runs (run_id, subject, grant_id, idempotency_key, request_hash, model, provider, native_id, input,
      file_fields, options, metadata, status, phase, upstream_status, upstream_id, handle, version, poll_attempts,
      next_poll_at, created_at, submitted_at, deadline_at, currency, reserved_micros, outputs, logs)
    select 'run_long_' || n, 'seeded', 'seeded', 'call:' || n, '', 'bench/long', 'bench', 'long', '{}',
      '{}', '{"caller":{},"isExactQuote":true}', '{}', 'running', 'running', 'running', 'long-' || n,
      '{"id":"long-' || n || '"}', 1, 0, ${now}::bigint + 2000 + (n * ${everyMs}::bigint / ${runs}),
      ${now}::bigint - 600000, ${now}::bigint - 600000, ${now}::bigint + 3000000, 'USD', 0, '{"stored":[]}', '[]'
    from generate_series(1, ${runs}::int) as n`.execute(queries);
  await sql`analyze runs`.execute(queries);
}

async function follow(
  { runs, pollers, seconds, every_ms: everyMs }: Trial,
  {
    cluster,
    database,
    upstreamUrl,
    postgresPid,
  }: { cluster: Cluster; database: Database; upstreamUrl: string; postgresPid: number | undefined },
): Promise<Figures> {
  const replicas = cluster.of('inference-poller');
  const countPolls = async () => {
    // as: the upstream of this bench answers nothing else.
    const { polls } = (await (await fetch(`${upstreamUrl}/polls`)).json()) as { polls: number };
    return polls;
  };
  const cpu = () => ({
    pollers: replicas.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    database: childrenCpu(postgresPid),
  });
  await sql`truncate lateness`.execute(database.queries);
  const memory = () => round(Math.max(...replicas.map(({ pid }) => residentMib(pid))), 0);
  const memoryBefore = memory();
  const [pollsBefore, cpuBefore, startedAt] = [await countPolls(), cpu(), performance.now()];
  const newRuns: number[] = [];
  while (performance.now() - startedAt < seconds * 1_000) {
    newRuns.push(await timeNewRun(cluster.url));
    await sleep(500);
  }
  const elapsed = (performance.now() - startedAt) / 1_000;
  const polls = (await countPolls()) - pollsBefore;
  const cpuAfter = cpu();
  const { rows } = await sql<{ ms: number }>`select ms from lateness`.execute(database.queries);
  const late = rows.map(({ ms }) => ms);
  const due = (runs * 1_000) / everyMs;
  return {
    runs,
    pollers,
    seconds,
    every_ms: everyMs,
    load_average: round(loadavg()[0] ?? Number.NaN, 1),
    due_per_second: round(due, 0),
    polls_per_second: round(polls / elapsed, 0),
    polled_share: round(polls / elapsed / due),
    late_p50_ms: percentile(late, 0.5),
    late_p99_ms: percentile(late, 0.99),
    late_max_ms: percentile(late, 1),
    new_run_p50_ms: round(percentile(newRuns, 0.5), 0),
    new_run_max_ms: round(percentile(newRuns, 1), 0),
    cpu_us_per_poll: round(((cpuAfter.pollers - cpuBefore.pollers) * 1e6) / polls, 0),
    database_cpu_us_per_poll: round(((cpuAfter.database - cpuBefore.database) * 1e6) / polls, 0),
    poller_mib_before: memoryBefore,
    poller_mib: memory(),
  };
}

/** From the call until its result, of a run that is done at its first poll. */
async function timeNewRun(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'run_model', arguments: { model: 'bench/quick', input: {}, wait_seconds: 40 } },
    }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!text.includes('succeeded')) throw new Error(`the new run did not succeed: ${text.slice(0, 500)}`);
  return performance.now() - startedAt;
}

/** Of the server's own processes: one for each connection. */
function childrenCpu(pid: number | undefined): number {
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), 0);
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

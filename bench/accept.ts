/**
 * A run from the call to its acceptance, through gateway, bus, catalog, poller and Postgres, and what it costs them from there
 * to its end: queries, messages, bytes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '@inferry/cli';
import { type Database, openDatabase } from '@inferry/database';
import { startPostgres } from '@inferry/testing';
import { connect } from '@nats-io/transport-node';
import { sql } from 'kysely';
import { startSystem, startUpstream, usualMs } from './active-runs.ts';
import { stop } from './processes.ts';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const idleMs = 5_000;
/** What one run may cost, from its call to its end. */
const most = { queries: 16, messages: 20, bus_kb: 4, wal_kb: 20 };

interface Traffic {
  messages: number;
  bytes: number;
}

interface Spent {
  queries: number;
  messages: number;
  busBytes: number;
  walBytes: number;
}

export async function accept({ isQuick }: BenchOptions): Promise<BenchResult> {
  const runs = isQuick ? 100 : 500;
  const upstream = await startUpstream();
  const postgres = await startPostgres({ settings: ['shared_preload_libraries=pg_stat_statements'] });
  const upstreamUrl = `http://127.0.0.1:${upstream.match[1]}`;
  const system = { pollers: 2, every_ms: usualMs };
  const cluster = await startSystem(system, { upstreamUrl, databaseUrl: postgres.url });
  const database = openDatabase({ url: postgres.url, maxConnections: 1 });
  try {
    await cluster.ready(90_000);
    await sql`create extension pg_stat_statements`.execute(database.queries);
    for (let index = 0; index < 50; index += 1) await timeAccepted(cluster.url);
    await ended(database);
    const tookMs: number[] = [];
    for (let index = 0; index < runs; index += 1) tookMs.push(await timeAccepted(cluster.url));
    await ended(database);
    const cost = await costOfRuns(cluster, database, isQuick ? 50 : 200);
    return toResult(tookMs, cost);
  } finally {
    await database.close();
    await cluster.stop();
    await postgres.stop();
    await stop(upstream.child);
  }
}

/** From the call until its run is known to the caller, who waits for nothing else. */
async function timeAccepted(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
      params: { name: 'run_model', arguments: { model: 'bench/quick', input: {}, wait_seconds: 0 } },
    }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!text.includes('run_id')) throw new Error(`no run was accepted: ${text.slice(0, 300)}`);
  return performance.now() - startedAt;
}

async function ended(database: Database): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ open: number }>`select count(*)::int as open from runs
      where status in ('queued', 'running') or next_poll_at is not null`.execute(database.queries);
    if (rows[0]?.open === 0) return;
    await sleep(200);
  }
}

/** What runs cost beyond what the system does by itself in as long a time. */
async function costOfRuns(cluster: Cluster, database: Database, runs: number): Promise<Spent> {
  const nats = await connect({ ...serverOf(String(cluster.env.NATS_URL)), noAsyncTraces: true });
  const traffic: Traffic = { messages: 0, bytes: 0 };
  nats.subscribe('>', {
    callback(_error, { data }) {
      traffic.messages += 1;
      traffic.bytes += data.length;
    },
  });
  await nats.flush();
  const idle = await spentIn(database, traffic, () => sleep(idleMs));
  const startedAt = performance.now();
  const spent = await spentIn(database, traffic, async () => {
    await Promise.all(Array.from({ length: runs }, () => timeAccepted(cluster.url)));
    await ended(database);
  });
  const share = (performance.now() - startedAt) / idleMs;
  await nats.close();
  const each = (name: keyof Spent) => Math.max(0, spent[name] - idle[name] * share) / runs;
  return {
    queries: each('queries'),
    messages: each('messages'),
    busBytes: each('busBytes'),
    walBytes: each('walBytes'),
  };
}

function serverOf(url: string): { servers: string; user: string; pass: string } {
  const { host, username, password } = new URL(url);
  return { servers: host, user: username, pass: password };
}

async function spentIn(database: Database, traffic: Traffic, work: () => Promise<unknown>): Promise<Spent> {
  // Those of this bench name what no service asks for.
  const read = async () => {
    const { rows } = await sql<{ queries: number; wal: number }>`select
      coalesce(sum(calls) filter (where query not like '%pg_stat_statements%' and query not like '%as open from runs%'), 0)::bigint as queries,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as wal from pg_stat_statements`.execute(
      database.queries,
    );
    return { queries: Number(rows[0]?.queries), wal: Number(rows[0]?.wal) };
  };
  const [before, messages, bytes] = [await read(), traffic.messages, traffic.bytes];
  await work();
  const after = await read();
  return {
    queries: after.queries - before.queries,
    messages: traffic.messages - messages,
    busBytes: traffic.bytes - bytes,
    walBytes: after.wal - before.wal,
  };
}

function toResult(tookMs: number[], cost: Spent): BenchResult {
  const run = {
    queries: round(cost.queries, 1),
    messages: round(cost.messages, 1),
    bus_kb: round(cost.busBytes / 1_024, 1),
    wal_kb: round(cost.walBytes / 1_024, 1),
  };
  const beyond = Object.entries(most).filter(
    ([name, bound]) => Number(Object.entries(run).find(([key]) => key === name)?.[1]) > bound,
  );
  const accepted = {
    p50_ms: round(percentile(tookMs, 0.5), 1),
    p99_ms: round(percentile(tookMs, 0.99), 1),
  };
  return {
    figures: { accepted, run, most, is_within: beyond.length === 0 },
    lines: [
      `accepted ${JSON.stringify(accepted)}; aim: p50 under 15 ms`,
      `one run from its call to its end ${JSON.stringify(run)}; at most ${JSON.stringify(most)}: ${beyond.length === 0 ? 'kept' : `BROKEN by ${beyond.join(' ')}`}`,
    ],
  };
}

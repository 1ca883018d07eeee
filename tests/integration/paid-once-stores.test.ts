/** Paid submits while Postgres is cut off, slow, or gone for longer than a submit may take, and stops that are shorter. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster } from '@inferry/cli';
import { createTcpProxy, type TcpProxy } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callTool, runOf } from './support/mcp-http.ts';

const submitTimeoutMs = 5_000;
const settlesMs = 3_000;
/** Longer than anybody waits who goes by less than an answer. */
const longMs = submitTimeoutMs + settlesMs + 3_000;
const graceMs = 2_000;
const leaseMs = 6_000;
const runsAtOnce = 6;

let upstream: ScriptedUpstream;
let cluster: Cluster;
/** Of each poller, its way to Postgres. */
const databases: TcpProxy[] = [];
const log: string[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  cluster = await startCluster({
    ...{ replicas: 2, port: 0, auth: 'none' },
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
      SUBMIT_TIMEOUT_MS: String(submitTimeoutMs),
      SUBMIT_SETTLES_MS: String(settlesMs),
      SHUTDOWN_GRACE_MS: String(graceMs),
      LOG_LEVEL: 'warn',
    },
    adapt: async (env, { service }) => {
      if (service !== 'inference-poller') return env;
      const url = new URL(env.DATABASE_URL ?? '');
      const proxy = await createTcpProxy({ port: Number(url.port) });
      databases.push(proxy);
      url.port = String(proxy.port);
      // The servers of tests confirm commits before they are written down, as no server should that counts money.
      url.searchParams.set('options', '-c synchronous_commit=on');
      return { ...env, DATABASE_URL: url.href };
    },
    onLine: (prefix, line) => log.push(`[${prefix}] ${line}`),
  });
  await cluster.ready(90_000);
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
  await upstream?.close();
  await Promise.all(databases.map((proxy) => proxy.close()));
}, 60_000);

type ScriptedModel = 'job' | 'forgetful';
let label = 0;

function begin(model: ScriptedModel, input: Record<string, unknown>): Promise<string> {
  label += 1;
  return beginAs(`stores-${label}`, model, input);
}

/** The run's id, or what was answered in its place. */
async function beginAs(ref: string, model: ScriptedModel, input: Record<string, unknown>): Promise<string> {
  const args = { model: `scripted/${model}`, input, client_ref: ref, wait_seconds: 0 };
  const outcome = await callTool(cluster.url, { tool: 'run_model', args, timeoutMs: 30_000 });
  return runOf(outcome)?.run_id ?? JSON.stringify(outcome.structured);
}

/** Starts the runs and resolves when the platform has read all their submits. */
async function send(model: ScriptedModel, input: Record<string, unknown>): Promise<string[]> {
  const runs = await Promise.all(Array.from({ length: runsAtOnce }, () => begin(model, input)));
  await expect
    .poll(() => runs.filter((run) => !upstream.submissions().has(run)), { timeout: 50_000 })
    .toEqual([]);
  return runs;
}

const untaken = (runs: readonly string[]) => runs.filter((run) => !upstream.acceptances().has(run));

async function ends(runs: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    runs.map((run_id) => callTool(cluster.url, { tool: 'get_run', args: { run_id }, timeoutMs: 20_000 })),
  );
  return outcomes.map((outcome, index) => {
    const taken = upstream.acceptances().get(runs[index] ?? '') ?? 0;
    return `${runOf(outcome)?.status}, taken ${taken}`;
  });
}

async function expectOnce(runs: readonly string[]): Promise<void> {
  await expect
    .poll(() => ends(runs), { timeout: 100_000, interval: 500, message: log.slice(-12).join('\n') })
    .toEqual(runs.map(() => 'succeeded, taken 1'));
}

async function cutFor(proxies: readonly TcpProxy[], ms: number): Promise<void> {
  for (const proxy of proxies) proxy.blackhole();
  await sleep(ms);
  for (const proxy of proxies) proxy.restore();
}

describe('nothing is lost on a platform that can tell nothing', () => {
  it('when the database is cut off from both pollers for longer than a submit may take', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });

    await cutFor(databases, longMs);

    await expectOnce(runs);
  }, 180_000);

  it('when it is cut off from one of them for so long', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });

    await cutFor(databases.slice(0, 1), longMs);

    await expectOnce(runs);
  }, 180_000);

  it('when its server is down for some seconds', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });

    await cluster.servers.postgres?.kill();
    await sleep(8_000);
    await cluster.servers.postgres?.restart();

    await expectOnce(runs);
  }, 180_000);

  it('when both pollers are killed while it is away and they alone have the answers', async () => {
    const runs = await send('forgetful', { accept_ms: 1_000 });
    for (const proxy of databases) proxy.blackhole();
    const before = log.length;
    await expect.poll(() => untaken(runs)).toEqual([]);
    const unwritten = () => log.slice(before).filter((line) => line.includes('not written yet'));
    await expect.poll(() => unwritten().length, { timeout: 50_000 }).toBeGreaterThanOrEqual(runsAtOnce);

    for (const poller of cluster.of('inference-poller')) poller.kill('SIGKILL');
    for (const proxy of databases) proxy.restore();

    await expectOnce(runs);
  }, 180_000);
});

describe('a store that stands still or dies in the middle of submits costs no run and no second job', () => {
  const stores = ['postgres', 'nats', 'redis'] as const;
  const serversOf = (names: readonly (typeof stores)[number][]) => names.map((name) => cluster.servers[name]);

  it.each([
    ['Postgres stands still', ['postgres']],
    ['NATS and Redis stand still', ['nats', 'redis']],
  ] as const)(
    '%s for longer than a lease',
    async (_what, names) => {
      const runs = await send('forgetful', { accept_ms: 1_000 });

      await Promise.all(serversOf(names).map((server) => server?.pause()));
      await sleep(leaseMs + 1_000);
      await Promise.all(serversOf(names).map((server) => server?.resume()));

      await expectOnce(runs);
    },
    180_000,
  );

  it.each([
    [
      'every store is killed',
      async () => {
        await Promise.all(serversOf(stores).map((server) => server?.kill()));
        await Promise.all(serversOf(stores).map((server) => server?.restart()));
      },
    ],
    ['both pollers are killed', async () => cluster.of('inference-poller').map((one) => one.kill('SIGKILL'))],
  ])(
    '%s between the claim of a run and its call',
    async (_what, strike) => {
      const runs = await Promise.all(
        Array.from({ length: runsAtOnce }, () => begin('forgetful', { prepare_ms: 3_000 })),
      );
      const unprepared = () => runs.filter((run) => !upstream.preparations().has(run));
      await expect.poll(unprepared, { timeout: 50_000 }).toEqual([]);

      await strike();

      await expectOnce(runs);
      expect(runs.map((run) => upstream.submissions().get(run))).toEqual(runs.map(() => 1));
    },
    180_000,
  );

  it('a poller stands still for longer than its lease between the claim and the call, and sends nothing', async () => {
    const runs = await Promise.all(
      Array.from({ length: runsAtOnce }, () => begin('forgetful', { prepare_ms: 1_000 })),
    );
    const unprepared = () => runs.filter((run) => !upstream.preparations().has(run));
    await expect.poll(unprepared, { timeout: 50_000 }).toEqual([]);
    const pid = cluster.of('inference-poller')[0]?.pid ?? 0;

    process.kill(pid, 'SIGSTOP');
    await sleep(leaseMs + 2_000);
    process.kill(pid, 'SIGCONT');

    await expectOnce(runs);
    expect(runs.map((run) => upstream.submissions().get(run))).toEqual(runs.map(() => 1));
  }, 180_000);
});

it('both pollers stop although their submits take longer than the grace', async () => {
  const runs = await send('forgetful', { accept_ms: graceMs + 1_500 });

  for (const poller of cluster.of('inference-poller')) poller.kill('SIGTERM');

  await expectOnce(runs);
}, 180_000);

it('every run is sent once although the database is 300 ms away and calls have to be repeated', async () => {
  await cluster.ready(30_000);
  for (const proxy of databases) proxy.latency(150);
  const refs = Array.from({ length: 20 }, (_, index) => `slow-${index}`);
  const input = { accept_ms: 200 };
  const first: Promise<string>[] = [];
  for (const ref of refs) {
    first.push(beginAs(ref, 'forgetful', input));
    await sleep(200);
  }
  await Promise.all(first);
  for (const proxy of databases) proxy.restore();

  const repeat = () => Promise.all(refs.map((ref) => beginAs(ref, 'forgetful', input)));
  await expect
    .poll(async () => (await repeat()).filter((answer) => !answer.startsWith('run_')), { timeout: 60_000 })
    .toEqual([]);

  await expectOnce(await repeat());
}, 180_000);

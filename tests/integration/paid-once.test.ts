import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster } from '@inferry/cli';
import { createTcpProxy, type TcpProxy } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callTool, runOf } from './support/mcp-http.ts';

/**
 * What a platform took is counted by the platform. Real processes on real servers, every fault aimed at the moment at which a
 * submit is out: each run is accepted exactly once, and ends well. The bounds are shortened by configuration alone.
 */

const submitTimeoutMs = 8_000;
const settlesMs = 5_000;
const runsAtOnce = 6;

let upstream: ScriptedUpstream;
let cluster: Cluster;
/** Of each poller, its way to Postgres. */
const databases = new Map<string, TcpProxy>();
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
      LOG_LEVEL: 'warn',
    },
    adapt: (env, { service, index }) =>
      service === 'inference-poller' ? behindProxy(env, `${service}.${index}`) : Promise.resolve(env),
    onLine: (prefix, line) => log.push(`[${prefix}] ${line}`),
  });
  await cluster.ready(90_000);
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await upstream?.close();
  await Promise.all([...databases.values()].map((proxy) => proxy.close()));
}, 60_000);

async function behindProxy(env: NodeJS.ProcessEnv, name: string): Promise<NodeJS.ProcessEnv> {
  const url = new URL(env.DATABASE_URL ?? '');
  const proxy = await createTcpProxy({ port: Number(url.port) });
  databases.set(name, proxy);
  url.port = String(proxy.port);
  return { ...env, DATABASE_URL: url.href };
}

interface Job {
  model: 'job' | 'forgetful';
  input: Record<string, unknown>;
}

let label = 0;

/** Starts the runs and resolves when the platform has read all their submits. */
async function send(job: Job): Promise<string[]> {
  label += 1;
  const before = submits();
  const refs = Array.from({ length: runsAtOnce }, (_, index) => `once-${label}-${index}`);
  const started = await Promise.all(
    refs.map((ref) => {
      const args = { model: `scripted/${job.model}`, input: job.input, client_ref: ref, wait_seconds: 0 };
      return callTool(cluster.url, { tool: 'run_model', args, timeoutMs: 20_000 });
    }),
  );
  await expect
    .poll(submits, { timeout: 50_000, message: JSON.stringify(started.map(({ structured }) => structured)) })
    .toBe(before + runsAtOnce);
  return started.map((outcome) => runOf(outcome)?.run_id ?? 'missing');
}

function submits(): number {
  return [...upstream.submissions().values()].reduce((sum, count) => sum + count, 0);
}

/** Where each run stands, and how many jobs the platform took for it. */
async function ends(runIds: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    runIds.map((run_id) => callTool(cluster.url, { tool: 'get_run', args: { run_id }, timeoutMs: 20_000 })),
  );
  return outcomes.map((outcome, index) => {
    const taken = upstream.acceptances().get(runIds[index] ?? '') ?? 0;
    return `${runOf(outcome)?.status}, taken ${taken}`;
  });
}

async function expectOnce(runIds: readonly string[]): Promise<void> {
  const wanted = runIds.map(() => 'succeeded, taken 1');
  await expect
    .poll(() => ends(runIds), { timeout: 100_000, interval: 500, message: log.slice(-12).join('\n') })
    .toEqual(wanted);
}

const [first, second] = ['inference-poller.0', 'inference-poller.1'];
const poller = (index: number) => cluster.of('inference-poller')[index];

describe('a run is accepted once, on a platform that lists what it took', () => {
  it('when its poller is killed while the platform takes its time', async () => {
    const runs = await send({ model: 'job', input: { accept_ms: 4_000 } });

    poller(0)?.kill('SIGKILL');
    poller(1)?.kill('SIGKILL');

    await expectOnce(runs);
  }, 180_000);

  it('when its reply is lost and the platform lists it late', async () => {
    await expectOnce(await send({ model: 'job', input: { drop_reply: true, unlisted_ms: 4_000 } }));
  }, 180_000);

  it('when it is accepted long after its call was given up', async () => {
    await expectOnce(await send({ model: 'job', input: { accept_ms: submitTimeoutMs + 3_000 } }));
  }, 180_000);

  it('when one poller is cut off from the database and its calls go on', async () => {
    const runs = await send({ model: 'job', input: { accept_ms: 7_000 } });

    databases.get(first)?.blackhole();
    await sleep(9_000);
    databases.get(first)?.restore();

    await expectOnce(runs);
  }, 180_000);
});

describe('a run is lost by nobody, on a platform that can tell nothing', () => {
  it.each([
    { what: 'the database is away for 9 s', cut: [first, second], acceptMs: 1_500, awayMs: 9_000 },
    { what: 'one poller is cut off from it for 9 s', cut: [second], acceptMs: 5_000, awayMs: 9_000 },
  ])(
    'when $what',
    async ({ cut, acceptMs, awayMs }) => {
      const runs = await send({ model: 'forgetful', input: { accept_ms: acceptMs } });

      for (const name of cut) databases.get(name)?.blackhole();
      await sleep(awayMs);
      for (const name of cut) databases.get(name)?.restore();

      await expectOnce(runs);
    },
    180_000,
  );

  it.each([submitTimeoutMs, submitTimeoutMs + 1_000, submitTimeoutMs + settlesMs + 2_000])(
    'when one poller stands still for %i ms while the answers come',
    async (stillMs) => {
      const runs = await send({ model: 'forgetful', input: { accept_ms: 1_000 } });
      const pid = poller(0)?.pid ?? 0;

      process.kill(pid, 'SIGSTOP');
      await sleep(stillMs);
      process.kill(pid, 'SIGCONT');

      await expectOnce(runs);
    },
    180_000,
  );

  it('when its poller is told to stop meanwhile', async () => {
    const runs = await send({ model: 'forgetful', input: { accept_ms: 5_000 } });

    poller(0)?.kill('SIGTERM');

    await expectOnce(runs);
  }, 180_000);
});

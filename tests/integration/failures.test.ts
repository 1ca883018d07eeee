import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster } from '@inferry/cli';
import { type ServiceName, serviceNames } from '@inferry/runtime';
import { startNats, startPostgres, startRedis } from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallOutcome, type CallRequest, callTool, errorOf, runOf } from './support/mcp-http.ts';

const runsAtOnce = 50;
const waitSeconds = 20;
/** Nothing may hang longer than its own wait plus this. */
const graceMs = 10_000;

let upstream: ScriptedUpstream;
let cluster: Cluster;
const log: string[] = [];

function onLine(prefix: string, line: string): void {
  log.push(`[${prefix}] ${line}`);
}

function baseEnv(): Record<string, string | undefined> {
  return {
    PATH: process.env.PATH,
    INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
    SCRIPTED_UPSTREAM_URL: upstream.url,
    // A kill may come between the row's `submitting` and the call: the run is sent again once no earlier call can be taken,
    // which takes both of these. As they come they are 120 s, longer than any of these tests waits.
    SUBMIT_TIMEOUT_MS: '8000',
    SUBMIT_SETTLES_MS: '7000',
    LOG_LEVEL: 'warn',
  };
}

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  cluster = await startCluster({
    replicas: 2,
    port: 0,
    auth: 'none',
    env: baseEnv(),
    onLine,
  });
  await cluster.ready(60_000);
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await upstream?.close();
}, 60_000);

function runModel(clientRef: string, durationMs: number): CallRequest {
  // The platform takes some jobs and breaks off before it says so.
  const input = { duration_ms: durationMs, text: clientRef, drop_reply: durationMs % 1_500 === 0 };
  const args = { model: 'scripted/job', input, client_ref: clientRef, wait_seconds: waitSeconds };
  return { tool: 'run_model', args, timeoutMs: waitSeconds * 1_000 + graceMs };
}

/** Starts a run and follows it to its end as a careful client does: the same client_ref after every failure. */
async function runToEnd(clientRef: string, durationMs: number, url = cluster.url): Promise<string> {
  const deadline = Date.now() + 150_000;
  let last: unknown;
  while (Date.now() < deadline) {
    const outcome = await callTool(url, runModel(clientRef, durationMs));
    const run = runOf(outcome);
    last = run ?? outcome;
    if (run !== undefined && run.status !== 'queued' && run.status !== 'running') return run.status;
    if (run === undefined) expectRetryable(outcome);
    await sleep(300);
  }
  throw new Error(`${clientRef} did not end: ${JSON.stringify(last)}`);
}

function expectRetryable(outcome: CallOutcome): void {
  const isBroken = outcome.status === 0 || outcome.status === 502 || outcome.status === 503;
  if (!isBroken) expect(['unavailable', 'rate_limited', 'busy']).toContain(errorOf(outcome)?.code);
}

/** Resolves when half of the runs are at the platform and none can have ended: what comes now comes in their midst. */
async function startRuns(label: string): Promise<{ ended: Promise<string[]>; refs: string[] }> {
  const submits = () => [...upstream.submissions().values()].reduce((sum, count) => sum + count, 0);
  const before = submits();
  const refs = Array.from({ length: runsAtOnce }, (_, index) => `${label}-${index}`);
  const ended = Promise.all(refs.map((ref, index) => runToEnd(ref, 2_000 + (index % 10) * 300)));
  ended.catch(() => undefined);
  await expect
    .poll(submits, { timeout: 20_000, interval: 20 })
    .toBeGreaterThanOrEqual(before + runsAtOnce / 2);
  return { ended, refs };
}

async function runIds(refs: readonly string[], url = cluster.url): Promise<string[]> {
  const outcomes = await Promise.all(
    refs.map((ref) => callTool(url, { tool: 'get_run', args: { client_ref: ref }, timeoutMs: graceMs })),
  );
  return outcomes.map((outcome) => runOf(outcome)?.run_id ?? 'missing');
}

async function expectEachSubmittedOnce(refs: readonly string[]): Promise<void> {
  const ids = await runIds(refs);
  const counts = ids.map((id, index) => ({
    ref: refs[index],
    id,
    submitted: upstream.submissions().get(id) ?? 0,
  }));
  expect(counts.filter(({ submitted }) => submitted !== 1)).toEqual([]);
}

describe('a replica killed under 50 runs', () => {
  it.each([...serviceNames])(
    'loses no run and submits none twice when %s dies',
    async (service: ServiceName) => {
      const { ended, refs } = await startRuns(`kill-${service}`);

      cluster.of(service)[0]?.kill('SIGKILL');

      expect(await ended).toEqual(refs.map(() => 'succeeded'));
      await expectEachSubmittedOnce(refs);
      await cluster.ready(20_000);
    },
    240_000,
  );
});

describe('a server restarted under load', () => {
  it.each(['nats', 'redis', 'postgres'] as const)(
    'recovers within 10 s of a restart of %s',
    async (name) => {
      const { ended, refs } = await startRuns(`restart-${name}`);
      const probes: CallOutcome[] = [];
      const probing = new AbortController();
      const prober = probeUntil(probing.signal, probes);

      await cluster.servers[name]?.restart();
      const backAt = performance.now();
      await firstSuccess(10_000);
      const recoveredMs = performance.now() - backAt;
      probing.abort();
      await prober;

      expect(recoveredMs).toBeLessThan(10_000);
      // The windows fall back to each replica's memory, and calls wait a moment for the bus; the database is what they all need.
      if (name === 'postgres') expect(probes.some(({ isError }) => isError)).toBe(true);
      for (const outcome of probes.filter(({ isError }) => isError)) {
        const { code, retry_after_seconds: seconds } = errorOf(outcome) ?? {};
        // An answer that was under way when the bus died reaches nobody.
        if (name !== 'nats' || code !== 'deadline_exceeded') {
          expect({ code, seconds }).toEqual({ code: 'unavailable', seconds: expect.any(Number) });
        }
      }
      expect(await ended).toEqual(refs.map(() => 'succeeded'));
      await expectEachSubmittedOnce(refs);
    },
    240_000,
  );
});

describe('SIGTERM of everything under 50 runs', () => {
  it('ends with exit code 0 everywhere, and a new start finishes every run', async () => {
    const [nats, redis, postgres] = [await startNats(), await startRedis(), await startPostgres()];
    const env = {
      ...baseEnv(),
      NATS_URL: nats.url,
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
      INFERRY_SECRET: 's'.repeat(32),
    };
    const options = { replicas: 2, port: 0, auth: 'none', env, onLine } as const;
    const first = await startCluster(options);
    await first.ready(60_000);
    const refs = Array.from({ length: runsAtOnce }, (_, index) => `stop-${index}`);
    const calls = refs.map((ref) => callTool(first.url, runModel(ref, 4_000)));
    await expect.poll(() => runIds(refs, first.url), { timeout: 20_000 }).not.toContain('missing');

    const codes = await first.stop();
    const answers = await Promise.all(calls);
    const second = await startCluster(options);
    await second.ready(60_000);
    const ends = await Promise.all(refs.map((ref) => runToEnd(ref, 4_000, second.url)));
    const ids = await runIds(refs, second.url);
    await second.stop();
    await Promise.all([nats.stop(), redis.stop(), postgres.stop()]);

    expect(codes).toEqual(codes.map(() => 0));
    // A poller takes them up one after another: which have begun when everything stops is chance.
    const statuses = answers.filter(({ status }) => status === 200).map((answer) => runOf(answer)?.status);
    expect(statuses.filter((status) => status !== 'running' && status !== 'queued')).toEqual([]);
    expect(ends).toEqual(refs.map(() => 'succeeded'));
    expect(ids.map((id) => upstream.submissions().get(id))).toEqual(refs.map(() => 1));
  }, 300_000);
});

/** Calls every 50 ms, whether the one before was answered or not: one that hangs must not hide the outage. */
async function probeUntil(signal: AbortSignal, outcomes: CallOutcome[]): Promise<void> {
  const probes: Promise<unknown>[] = [];
  while (!signal.aborted) {
    const request = { tool: 'list_runs', args: { limit: 1 }, timeoutMs: graceMs };
    probes.push(callTool(cluster.url, request).then((outcome) => outcomes.push(outcome)));
    await sleep(50);
  }
  await Promise.all(probes);
}

async function firstSuccess(timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const outcome = await callTool(cluster.url, {
      tool: 'list_runs',
      args: { limit: 1 },
      timeoutMs: graceMs,
    });
    if (!outcome.isError) return;
    await sleep(100);
  }
  throw new Error(`still failing after ${timeoutMs} ms; last lines:\n${log.slice(-20).join('\n')}`);
}

// npm run trial:alerts -- [name of a cause …] [--json]
/** A cluster under a little load, watched by a real Prometheus: alerts are brought about one cause after the other, and how long each took is told. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { type Cluster, startCluster } from '@inferry/cli';
import { openDatabase } from '@inferry/database';
import { createTcpProxy, freePort, type LocalServer, startPrometheus } from '@inferry/testing';
import { startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { CompiledQuery } from 'kysely';
import { callTool, signInWrongly } from '../integration/support/mcp-http.ts';
import { startPlatform, trialKeys } from './platform.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'cli/src/main.ts');
const run = promisify(execFile);

/** Windows and waits of the rules as they are here, so that minutes become seconds; thresholds stay. */
const windows: Readonly<Record<string, string>> = {
  ...{ '5m': '20s', '10m': '20s', '15m': '30s', '30m': '30s' },
  ...{ '1h': '40s', '6h': '60s' },
};
const waitMs = 2_000;
const patienceMs = 120_000;

interface Stage {
  cluster: Cluster;
  key: string;
  poorKey: string;
  /** Where the platform is for the services: a port that nobody has is one that refuses. */
  platform: { port: number };
  platformPort: number;
  /** Where a platform is whose models are listed there. */
  lists: { port: number; reset(): void };
}

interface Cause {
  alerts: readonly string[];
  /** Goes on until the signal, and leaves everything as it was. */
  during(stage: Stage, signal: AbortSignal): Promise<void>;
}

/** In this order: what cannot be undone comes last. */
const causes: Readonly<Record<string, Cause>> = {
  'a lost submit': {
    alerts: ['InferryRunLost'],
    during: (stage, signal) =>
      again(signal, 3_000, () => runJob(stage, { model: 'scripted/forgetful', input: { drop_reply: true } })),
  },
  'a budget of nothing': {
    alerts: ['InferryBudgetsRefuse'],
    during: (stage, signal) => again(signal, 300, () => runJob(stage, { key: stage.poorKey })),
  },
  'wrong passwords': {
    alerts: ['InferrySignInsRefused'],
    during: ({ cluster }, signal) => again(signal, 500, () => signInWrongly(cluster.url)),
  },
  'a platform that refuses connections': {
    alerts: ['InferryPlatformFails'],
    async during(stage, signal) {
      stage.platform.port = await freePort();
      await again(signal, 300, () => runJob(stage, {}));
      stage.platform.port = stage.platformPort;
    },
  },
  'a platform whose list cannot be had': {
    alerts: ['InferryCatalogStale'],
    async during({ lists }, signal) {
      const { port } = lists;
      lists.port = await freePort();
      // Connections are kept open.
      lists.reset();
      await again(signal, 500, async () => undefined);
      lists.port = port;
    },
  },
  'a platform that charges more than was quoted': {
    alerts: ['InferryQuoteBreached'],
    during: ({ cluster, key }, signal) =>
      again(signal, 3_000, async () => {
        const args = { model: 'scripted/job', input: { duration_ms: 10, cost: 0.05 } };
        const ask = { args, timeoutMs: 60_000, key };
        const { structured } = await callTool(cluster.url, { ...ask, tool: 'estimate_cost' });
        const run = { ...args, quote_id: structured.quote_id, wait_seconds: 10 };
        await callTool(cluster.url, { ...ask, tool: 'run_model', args: run });
      }),
  },
  'a receiver that is nowhere, and the day of tries that it is given': {
    alerts: ['InferryWebhooksGivenUp'],
    async during(stage, signal) {
      const operator = openDatabase({ url: stage.cluster.env.DATABASE_URL ?? '', maxConnections: 1 });
      // Its waits are left out; the last try is made.
      const lastTry = CompiledQuery.raw(
        'update webhook_deliveries set attempts = 11, next_attempt_at = 0 where attempts between 1 and 10',
      );
      await again(signal, 3_000, async () => {
        await runJob(stage, { webhook: 'https://receiver.invalid/hook' });
        await operator.queries.executeQuery(lastTry);
      });
      await operator.close();
    },
  },
  'a key that was stored under another AUTH_KEKS of the same name': {
    alerts: ['InferryCredentialsFail'],
    async during(stage, signal) {
      const { cluster } = stage;
      const [name] = cluster.env.AUTH_KEKS?.split(':') ?? [];
      const env = { ...cluster.env, AUTH_KEKS: `${name}:${randomBytes(32).toString('base64')}` };
      const owner = ['--provider', 'scripted', '--user', 'ann'];
      const id = await command({ env }, { args: ['connections', 'add', ...owner], input: 'a-key-of-ann' });
      await again(signal, 300, () => runJob(stage, {}));
      await command(cluster, { args: ['connections', 'remove', id] });
    },
  },
  'a process that gets a fifth of a core': {
    alerts: ['InferryEventLoopLate'],
    during: ({ cluster }, signal) =>
      again(signal, 110, async () => {
        for (const replica of cluster.of('upload')) replica.kill('SIGSTOP');
        await sleep(450);
        for (const replica of cluster.of('upload')) replica.kill('SIGCONT');
      }),
  },
  'Redis stopped': {
    alerts: ['InferryLimitsAway'],
    async during({ cluster: { servers } }, signal) {
      await servers.redis?.kill();
      await again(signal, 500, async () => undefined);
      await servers.redis?.restart();
    },
  },
  'Postgres stopped': {
    alerts: ['InferryCallsFailFast', 'InferryCallsFailSlowly', 'InferryDatabaseFails'],
    async during({ cluster: { servers } }, signal) {
      await servers.postgres?.kill();
      await again(signal, 500, async () => undefined);
      await servers.postgres?.restart();
    },
  },
  'a lock on the table of runs': {
    alerts: ['InferryDatabaseSlow'],
    async during({ cluster: { env } }, signal) {
      const operator = openDatabase({ url: env.DATABASE_URL ?? '', maxConnections: 1 });
      const held = CompiledQuery.raw('select pg_sleep(3)');
      await again(signal, 300, () =>
        operator.queries.transaction().execute(async (transaction) => {
          await transaction.executeQuery(CompiledQuery.raw('lock table runs in access exclusive mode'));
          await transaction.executeQuery(held);
        }),
      );
      await operator.close();
    },
  },
  'auth stopped for two seconds at a time': {
    alerts: ['InferryBusSlow'],
    during: ({ cluster }, signal) =>
      again(signal, 700, async () => {
        for (const replica of cluster.of('auth')) replica.kill('SIGSTOP');
        await sleep(2_000);
        for (const replica of cluster.of('auth')) replica.kill('SIGCONT');
      }),
  },
  'more runs than pollers may send': {
    alerts: ['InferryPollsLate', 'InferryPlacesFull', 'InferryRunsPileUp'],
    during: (stage, signal) =>
      again(signal, 50, async () => {
        const input = { accept_ms: 2_000 };
        await Promise.all(Array.from({ length: 10 }, () => runJob(stage, { input, waitSeconds: 0 })));
      }),
  },
  'every replica of compute gone': {
    alerts: ['InferryReplicaDown', 'InferryServiceGone'],
    async during({ cluster }, signal) {
      await Promise.all(cluster.of('compute').map((replica) => replica.stop(10_000)));
      await again(signal, 500, async () => undefined);
    },
  },
};

/** What fails meanwhile is what is wanted. */
async function again(signal: AbortSignal, everyMs: number, act: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await act().catch(() => undefined);
    await sleep(everyMs);
  }
}

interface Job {
  model?: string;
  input?: Record<string, unknown>;
  key?: string;
  waitSeconds?: number;
  webhook?: string;
}

async function runJob({ cluster, key }: Stage, job: Job): Promise<unknown> {
  const { model = 'scripted/job', input = {}, waitSeconds = 10, webhook } = job;
  const args = { model, input: { duration_ms: 10, ...input }, wait_seconds: waitSeconds, webhook };
  return callTool(cluster.url, { tool: 'run_model', args, timeoutMs: 60_000, key: job.key ?? key });
}

function shortenedRules(folder: string): string {
  const rules = readFileSync(join(root, 'deploy/chart/files/rules.yaml'), 'utf8')
    .replaceAll(/(\[|offset )(\d+[mh])(?=\]|\b)/g, (whole, before: string, window: string) =>
      windows[window] === undefined ? whole : `${before}${windows[window]}`,
    )
    .replaceAll(/^( +for: )\d+m$/gm, `$1${waitMs / 1_000}s`)
    .replaceAll('(inferry_catalog_age_seconds) > 3600', '(inferry_catalog_age_seconds) > 40')
    // What was there within the hour is missed for as long as that.
    .replaceAll(
      'last_over_time(target_info{service_name=~"inferry-.*"}[40s])',
      'last_over_time(target_info{service_name=~"inferry-.*"}[1h])',
    );
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, rules);
  return file;
}

async function firing(prometheus: LocalServer): Promise<Set<string>> {
  const response = await fetch(`${prometheus.url}/api/v1/alerts`);
  // as: Prometheus' list of alerts.
  const { data } = (await response.json()) as {
    data: { alerts: { state: string; labels: { alertname: string } }[] };
  };
  return new Set(data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
}

/** What an earlier cause brought about is over. */
async function untilQuiet(alerts: readonly string[], prometheus: LocalServer): Promise<void> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    const now = await firing(prometheus);
    if (!alerts.some((alert) => now.has(alert))) return;
    await sleep(500);
  }
}

interface Outcome {
  alert: string;
  cause: string;
  /** From the beginning of the cause; undefined where it did not fire. */
  seconds: number | undefined;
}

async function bringAbout(name: string, stage: Stage, prometheus: LocalServer): Promise<Outcome[]> {
  const cause = causes[name];
  if (cause === undefined) throw new Error(`there is no ${name}: ${Object.keys(causes).join(', ')}`);
  await untilQuiet(cause.alerts, prometheus);
  const end = new AbortController();
  const since = performance.now();
  const going = cause.during(stage, end.signal);
  const seconds = new Map<string, number>();
  while (seconds.size < cause.alerts.length && performance.now() - since < patienceMs) {
    const now = await firing(prometheus);
    for (const alert of cause.alerts)
      if (now.has(alert) && !seconds.has(alert)) seconds.set(alert, (performance.now() - since) / 1_000);
    await sleep(250);
  }
  end.abort();
  await going;
  return cause.alerts.map((alert) => ({ alert, cause: name, seconds: seconds.get(alert) }));
}

async function command(
  { env }: Pick<Cluster, 'env'>,
  { args, input = '' }: { args: readonly string[]; input?: string },
): Promise<string> {
  const flags = ['--disable-warning=ExperimentalWarning', main, ...args];
  const running = run(process.execPath, flags, { env });
  running.child.stdin?.end(input);
  return (await running).stdout.trim();
}

/** The platforms, each by a way that a cause can lead elsewhere. */
async function startPlatforms() {
  const upstream = await startScriptedUpstream();
  const listed = await startPlatform();
  const platform = { port: Number(new URL(upstream.url).port) };
  const lists = { port: listed.port, reset: () => ways[1].reset() };
  const ways = [await createTcpProxy(platform), await createTcpProxy(lists)] as const;
  return {
    ...{ platform, lists },
    urls: ways.map(({ port }) => `http://127.0.0.1:${port}`),
    async close() {
      await Promise.all(ways.map((way) => way.close()));
      await Promise.all([upstream.close(), listed.close()]);
    },
  };
}

async function watched(names: readonly string[], isJson: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-alerts-'));
  const platforms = await startPlatforms();
  const { platform, lists } = platforms;
  const [scripted, listed] = platforms.urls;
  const targets: string[] = [];
  const cluster = await startCluster({
    ...{ replicas: 2, port: 0, auth: 'oauth' },
    env: {
      PATH: process.env.PATH,
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: scripted,
      ...{ REPLICATE_API_TOKEN: trialKeys.REPLICATE_API_TOKEN, CATALOG_SYNC_SECONDS: '5' },
      REPLICATE_BASE_URL: `${listed}/catalog.0/replicate`,
      ...{ LOG_LEVEL: 'error', RATE_LIMIT_CREDENTIAL: '1000000', RATE_LIMIT_IP_POST_AUTH: '1000000' },
      ...{ AUTH_TRIES_ADDRESS: '1000000', SUBMIT_SETTLES_MS: '1000', POLLER_MAX_SUBMITS: '1' },
    },
    async adapt(env) {
      const port = await freePort();
      targets.push(`127.0.0.1:${port}`);
      return { ...env, METRICS_PORT: String(port) };
    },
    onLine: (prefix, line) => void (process.env.TRIAL_LOG && console.error(prefix, line)),
  });
  let prometheus: LocalServer | undefined;
  const end = new AbortController();
  try {
    await cluster.ready(120_000);
    const keyOf = (subject: string) =>
      command(cluster, { args: ['keys', 'create', '--name', subject, '--subject', subject] });
    const [key, poorKey] = [await keyOf('ann'), await keyOf('poor')];
    await command(cluster, { args: ['budgets', 'set', '--subject', 'poor', '--limit', '0.001'] });
    prometheus = await startPrometheus({ targets, rules: shortenedRules(folder) });
    const stage: Stage = { cluster, key, poorKey, platform, platformPort: platform.port, lists };
    const ask = (tool: string, args: Record<string, unknown>) =>
      callTool(cluster.url, { tool, args, timeoutMs: 60_000, key });
    void again(end.signal, 200, () => Promise.race([ask('list_runs', { limit: 1 }), sleep(1_000)]));
    void again(end.signal, 1_000, () => Promise.race([ask('search_models', { query: 'job' }), sleep(1_000)]));
    for (const name of names) {
      for (const { alert, cause, seconds } of await bringAbout(name, stage, prometheus)) {
        if (seconds === undefined) process.exitCode = 1;
        if (isJson) console.log(JSON.stringify({ alert, cause, seconds }));
        else
          console.log(
            alert.padEnd(26),
            seconds === undefined ? 'NOT FIRED' : `${seconds.toFixed(1)} s`.padEnd(9),
            cause,
          );
      }
      await cluster.ready(60_000).catch(() => undefined);
    }
  } finally {
    end.abort();
    await prometheus?.stop();
    await cluster.stop();
    await platforms.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
});
await watched(positionals.length === 0 ? Object.keys(causes) : positionals, values.json);

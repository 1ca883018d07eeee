/** Rules and dashboards against a real Prometheus that reads a running system: every expression has an answer. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  freePort,
  type LocalServer,
  requirePromtool,
  startPrometheus,
  startVictoriaMetrics,
} from '@inferry/testing';
import { type ScriptedUpstream, startScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type EmbeddedProcess, startEmbeddedProcess } from './support/embedded-process.ts';
import { callTool, signInWrongly } from './support/mcp-http.ts';
import { type OtlpReceiver, startOtlpReceiver } from './support/otlp-receiver.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const rulesFile = join(root, 'deploy/chart/files/rules.yaml');
const dashboards = join(root, 'deploy/chart/files/dashboards');

interface Rules {
  groups: { rules: { record?: string; alert?: string; expr: string }[] }[];
}

interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

const rules: Rules = parse(readFileSync(rulesFile, 'utf8'));
const expressions = [...new Set(readdirSync(dashboards).flatMap((file) => expressionsOf(file)))];

let home: string;
let upstream: ScriptedUpstream;
let system: EmbeddedProcess;
let prometheus: LocalServer;
let victoria: Pick<LocalServer, 'url' | 'stop'>;
let receiver: OtlpReceiver;
let metricsUrl: string;
let key: string;
let poorKey: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inferry-observability-'));
  upstream = await startScriptedUpstream();
  receiver = await startOtlpReceiver();
  const [port, metricsPort] = [await freePort(), await freePort()];
  metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  system = await startEmbeddedProcess({
    port,
    home,
    env: {
      INFERRY_AUTH: 'oauth',
      METRICS_PORT: String(metricsPort),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      PROVIDERS: 'local',
      INFERRY_EXTRA_PROVIDERS: '@inferry/testing/scripted-provider',
      SCRIPTED_UPSTREAM_URL: upstream.url,
    },
  });
  key = (await command('keys', 'create', '--name', 'watched', '--subject', 'ann')).trim();
  const poor = ['--subject', 'poor', '--limit', '0.001'];
  await command('budgets', 'set', ...poor);
  prometheus = await startPrometheus({ targets: [`127.0.0.1:${metricsPort}`], rules: rulesFile });
  victoria = await startVictoriaMetrics({ targets: [`127.0.0.1:${metricsPort}`], rules: rulesFile });
}, 240_000);

afterAll(async () => {
  await Promise.all([prometheus?.stop(), victoria?.stop()]);
  await system?.kill('SIGTERM');
  await upstream?.close();
  receiver?.close();
  await rm(home, { recursive: true, force: true });
}, 60_000);

function expressionsOf(file: string): string[] {
  const text = readFileSync(join(dashboards, file), 'utf8');
  return [...text.matchAll(/"expr": (".*")/g)].map(([, quoted = '']) => String(JSON.parse(quoted)));
}

async function command(...args: string[]): Promise<string> {
  const main = join(root, 'cli/src/main.ts');
  const flags = ['--disable-warning=ExperimentalWarning', main, ...args];
  const { stdout } = await run(process.execPath, flags, {
    env: { PATH: process.env.PATH, INFERRY_HOME: home },
  });
  return stdout;
}

async function query(expr: string, of: Pick<LocalServer, 'url'> = prometheus): Promise<Sample[]> {
  const text = expr.replaceAll('$__rate_interval', '1m');
  const response = await fetch(`${of.url}/api/v1/query?query=${encodeURIComponent(text)}`);
  // as: Prometheus' answer to a query.
  const { status, data, error } = (await response.json()) as {
    status: string;
    data?: { result: Sample[] };
    error?: string;
  };
  expect([expr, status, error]).toEqual([expr, 'success', undefined]);
  return data?.result ?? [];
}

/** The questions that nothing answers yet. */
async function unanswered(of: Pick<LocalServer, 'url'>): Promise<string[]> {
  const asked = expressions.map(async (expr) => {
    const samples = await query(expr, of);
    return samples.some(({ value: [, text] }) => text !== 'NaN') ? [] : [expr];
  });
  return (await Promise.all(asked)).flat();
}

/** Of each kind of thing that is measured, one more. */
async function useEverything(): Promise<void> {
  const ask = (tool: string, args: Record<string, unknown>, as = key) =>
    callTool(system.url, { tool, args, timeoutMs: 60_000, key: as });
  await ask('search_models', { query: 'picture' });
  const webhook = 'https://receiver.invalid/hook';
  await ask('upload_file', { base64: Buffer.from('a file').toString('base64'), file_name: 'a.txt' });
  const input = { duration_ms: 10 };
  await ask('run_model', { model: 'scripted/job', input, wait_seconds: 30, webhook });
  await ask('run_model', { model: 'scripted/job', input, wait_seconds: 30 }, poorKey);
  await ask('get_run', { run_id: 'run_that_is_not' });
  // One that goes on.
  await ask('run_model', {
    model: 'scripted/job',
    input: { duration_ms: 600_000 },
    wait_seconds: 0,
    client_ref: 'long',
  });
  await ask('search_models', {}, `ifr_${'x'.repeat(40)}`);
  expect(await signInWrongly(system.url)).toBe(422);
}

it('alerts as the rules’ own tests say', async () => {
  const promtool = await requirePromtool();

  const { stdout } = await run(promtool, ['test', 'rules', join(root, 'tests/rules.test.yaml')]);
  expect(stdout).toContain('SUCCESS');
});

it('has an answer to every question of the dashboards over either store, and evaluates every rule', async () => {
  poorKey = (await command('keys', 'create', '--name', 'poor', '--subject', 'poor')).trim();

  // Rates need a value before and one after: everything is used again until each has both.
  await expect
    .poll(
      async () => {
        await useEverything();
        return [await unanswered(prometheus), await unanswered(victoria)];
      },
      { timeout: 120_000, interval: 1_000 },
    )
    .toEqual([[], []]);

  const response = await fetch(`${prometheus.url}/api/v1/rules`);
  // as: Prometheus' list of rules.
  const { data } = (await response.json()) as { data: { groups: { rules: { health: string }[] }[] } };
  expect(data.groups.flatMap((group) => group.rules.map(({ health }) => health))).toEqual(
    rules.groups.flatMap((group) => group.rules.map(() => 'ok')),
  );
}, 180_000);

it('tells what docs/metrics.md lists, and rules ask for nothing else', async () => {
  const text = await (await fetch(metricsUrl)).text();
  const told = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
  const listed = [
    ...readFileSync(join(root, 'docs/metrics.md'), 'utf8').matchAll(/`([a-z][a-z0-9_]+)`/g),
  ].map(([, name = '']) => name);
  // What a system without a fault does not have.
  const rare = [
    'inferry_gateway_limits_away_total',
    'inferry_gateway_slow_readers_cut_total',
    'inferry_run_quote_breaches_total',
  ];

  expect(told.filter((name) => name !== 'target_info' && !listed.includes(name))).toEqual([]);
  const asked = [...expressions, ...rules.groups.flatMap(({ rules: own }) => own.map(({ expr }) => expr))]
    .flatMap(
      (expr) =>
        expr.match(/\b(?:inferry|messaging|mcp|gen_ai|db|process|nodejs)_[a-z0-9_]*(?=[{[ )])/g) ?? [],
    )
    .map((name) => name.replace(/_(bucket|count|sum)$/, ''));
  expect(
    asked
      .filter((name) => /_(seconds|total|bytes|open|waits|leases|places|used|reserved|models)$/.test(name))
      .filter((name) => !told.includes(name) && !rare.includes(name)),
  ).toEqual([]);
});

it('leads from every histogram of calls and runs to a trace that was sent', async () => {
  const response = await fetch(metricsUrl, { headers: { accept: 'application/openmetrics-text' } });

  expect(response.headers.get('content-type')).toContain('openmetrics');
  expect((await response.text()).endsWith('# EOF\n')).toBe(true);

  for (const histogram of [
    'mcp_server_operation_duration_seconds',
    'messaging_client_operation_duration_seconds',
    'messaging_process_duration_seconds',
    'db_client_operation_duration_seconds',
    'gen_ai_client_operation_duration_seconds',
    'inferry_run_duration_seconds',
  ]) {
    const received = () => new Set(receiver.spans.map(({ traceId }) => traceId));
    await expect
      .poll(async () => (await exemplarsOf(histogram)).some((traceId) => received().has(traceId)))
      .toBe(true);
  }
}, 120_000);

/** The traces that Prometheus keeps beside a histogram's buckets. */
async function exemplarsOf(histogram: string): Promise<string[]> {
  const asked = new URLSearchParams({
    query: `${histogram}_bucket`,
    start: String(Date.now() / 1_000 - 3_600),
    end: String(Date.now() / 1_000 + 60),
  });
  const response = await fetch(`${prometheus.url}/api/v1/query_exemplars?${asked}`);
  // as: Prometheus' answer to a question for exemplars.
  const { data } = (await response.json()) as {
    data: { exemplars: { labels: { trace_id: string } }[] }[];
  };
  return data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
}

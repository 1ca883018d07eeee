/**
 * One call that reads a pod, by the name that Runpod's own MCP server gives it, at `npm start` and at that server: over HTTP and over
 * stdio, in one run, before the same stand-in for the platform, with as many calls in flight. Beside it, what an agent pays for both lists.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '@inferry/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { cpuSeconds } from './gateway/cores.ts';
import { runLoad } from './gateway/load.ts';
import { quickText } from './gateway/servers/answers.ts';
import { infraCall, type Workload } from './gateway/workloads.ts';
import { startNode, stop } from './processes.ts';
import { type BenchOptions, type BenchResult, median, round } from './report.ts';

const inFlight = 16;
const warmUpSeconds = 2;
const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
const servers = join(import.meta.dirname, 'gateway', 'servers');
const theirs = createRequire(import.meta.url).resolve('@runpod/mcp-server/package.json');

interface Sample {
  perSecond: number;
  cpuMs: number;
}

/** A server that answers the call, over whichever transport. */
interface Lane {
  name: string;
  ask(seconds: number): Promise<number>;
  pid: number | undefined;
  /** Of the whole list of tools, as a model reads it. */
  tokens?: number;
  close(): Promise<unknown>;
}

export async function infra({ isQuick }: BenchOptions): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-bench-infra-'));
  const platform = await startNode([join(servers, 'stub-platform.ts')], { until: /"port":(\d+)/ });
  const env = variables(`http://127.0.0.1:${platform.match[1]}`, folder);
  const lanes: Lane[] = [];
  try {
    for (const open of [ours, original, oursOverStdio, originalOverStdio]) lanes.push(await open(env));
    for (const lane of lanes) await lane.ask(warmUpSeconds);
    const samples = lanes.map((): Sample[] => []);
    // By turns, so that what else the machine does meets all of them.
    for (let turn = 0; turn < (isQuick ? 3 : 5); turn += 1) {
      for (const [at, lane] of lanes.entries()) samples[at]?.push(await measure(lane, isQuick ? 2 : 6));
    }
    return report(lanes.map((lane, at) => ({ ...lane, samples: samples[at] ?? [] })));
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
    await stop(platform.child);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both read the same variables; the limits are raised so far that they count each call and refuse none. */
function variables(platform: string, folder: string): Record<string, string> {
  const bases = ['RUNPOD_SERVERLESS_API_URL', 'RUNPOD_REST_V2_API_URL', 'RUNPOD_REST_API_URL'];
  const more = ['RUNPOD_API_BASE_URL', 'RUNPOD_PUBLIC_GRAPHQL_URL', 'RUNPOD_AUTHED_GRAPHQL_URL'];
  const limits = ['CREDENTIAL', 'SUBJECT', 'IP_PRE_AUTH', 'IP_POST_AUTH'];
  return {
    ...Object.fromEntries([...bases, ...more].map((name) => [name, platform])),
    ...Object.fromEntries(limits.map((name) => [`RATE_LIMIT_${name}`, '1000000'])),
    ...{ RUNPOD_API_KEY: 'rpa_bench', MCP_SKIP_CREDENTIAL_CHECK: 'true' },
    ...{ INFERRY_HOME: folder, PROVIDERS: 'runpod', PROFILES: 'runpod-4', LOG_LEVEL: 'error' },
  };
}

async function ours(env: Record<string, string>): Promise<Lane> {
  const port = await freePort();
  const { child } = await startNode([main, 'start'], {
    env: { ...env, PORT: String(port) },
    until: /ready/,
  });
  return overHttp('ours_http', { child, port, workload: { ...infraCall, path: '/mcp/runpod-4' } });
}

async function original(env: Record<string, string>): Promise<Lane> {
  const { child, match } = await startNode([join(servers, 'runpod.ts')], { env, until: /"port":(\d+)/ });
  return overHttp('original_http', { child, port: Number(match[1]), workload: infraCall });
}

function overHttp(
  name: string,
  { child, port, workload }: { child: ChildProcess; port: number; workload: Workload },
): Lane {
  return {
    name,
    pid: child.pid,
    async ask(seconds) {
      const { ok, failed, sample } = await runLoad({ port, workload, connections: inFlight, seconds });
      if (failed > 0) throw new Error(`${name}: ${failed} failed: ${sample}`);
      return ok;
    },
    close: () => stop(child),
  };
}

function oursOverStdio(env: Record<string, string>): Promise<Lane> {
  return overStdio('ours_stdio', [main, 'stdio', '--profile', 'runpod-4'], env);
}

function originalOverStdio(env: Record<string, string>): Promise<Lane> {
  const { bin } = JSON.parse(readFileSync(theirs, 'utf8')) as { bin: Record<string, string> };
  return overStdio('original_stdio', [join(dirname(theirs), bin['runpod-mcp'] ?? '')], env);
}

async function overStdio(name: string, args: string[], env: Record<string, string>): Promise<Lane> {
  const client = new Client({ name: 'inferry-bench', version: '1.0.0' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...args],
    env: { PATH: process.env.PATH ?? '', HOME: env.INFERRY_HOME ?? '', ...env },
    stderr: 'ignore',
  });
  await client.connect(transport);
  const once = async () => {
    const { content } = await client.callTool({ name: 'get-pod', arguments: { id: 'p1' } });
    const text = JSON.stringify(content);
    if (!text.includes(quickText)) throw new Error(`${name}: ${text.slice(0, 300)}`);
  };
  const { tools } = await client.listTools();
  const texts = tools.map(({ name: tool, description, inputSchema }) =>
    JSON.stringify({ name: tool, description, inputSchema }),
  );
  return {
    name,
    tokens: texts.reduce((sum, text) => sum + encode(text).length, 0),
    pid: transport.pid ?? undefined,
    async ask(seconds) {
      const until = performance.now() + seconds * 1_000;
      let count = 0;
      const repeat = async () => {
        for (; performance.now() < until; count += 1) await once();
      };
      await Promise.all(Array.from({ length: inFlight }, repeat));
      return count;
    },
    close: () => client.close(),
  };
}

async function measure({ ask, pid }: Lane, seconds: number): Promise<Sample> {
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  const count = await ask(seconds);
  const elapsed = (performance.now() - startedAt) / 1_000;
  return { perSecond: count / elapsed, cpuMs: ((cpuSeconds(pid) - cpuBefore) * 1_000) / count };
}

function report(measured: readonly (Lane & { samples: readonly Sample[] })[]): BenchResult {
  const lanes = Object.fromEntries(
    measured.map(({ name, samples, tokens }) => [
      name,
      {
        per_second: round(median(samples.map(({ perSecond }) => perSecond)), 0),
        cpu_ms: round(median(samples.map(({ cpuMs }) => cpuMs)), 3),
        ...(tokens !== undefined && { list_tokens: tokens }),
      },
    ]),
  );
  const ratio = (key: 'per_second' | 'list_tokens', transport: string) =>
    round((lanes[`ours_${transport}`]?.[key] ?? Number.NaN) / (lanes[`original_${transport}`]?.[key] ?? 0));
  const figures = {
    ...lanes,
    ratio_http: ratio('per_second', 'http'),
    ratio_stdio: ratio('per_second', 'stdio'),
    ratio_tokens: ratio('list_tokens', 'stdio'),
  };
  return {
    figures,
    lines: [
      ...Object.entries(lanes).map(
        ([name, lane]) =>
          `${name.padEnd(15)} ${String(lane.per_second).padStart(6)} calls a second, ${lane.cpu_ms} ms of CPU each`,
      ),
      `over HTTP ${figures.ratio_http} times the original (aim: 10); over stdio ${figures.ratio_stdio} times`,
      `the list of tools takes ${lanes.ours_stdio?.list_tokens} tokens, the original's ${lanes.original_stdio?.list_tokens}: ${figures.ratio_tokens} of it (aim: under a third)`,
    ],
  };
}

/**
 * What clients ask of Runpod's own MCP server, at `npm start` and at that server: over HTTP the steps of a client's visit and a call
 * that reads a pod, over stdio that call, in one run, before the same stand-in for the platform, with as many in flight. Beside them
 * the limit of such a call, which does nothing but it, and what an agent pays for both lists.
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
import { infraWorkloads, type Workload } from './gateway/workloads.ts';
import { startNode, stop } from './processes.ts';
import { type BenchOptions, type BenchResult, median, round } from './report.ts';

const inFlight = 16;
const warmUpSeconds = 2;
const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
const servers = join(import.meta.dirname, 'gateway', 'servers');
const theirs = createRequire(import.meta.url).resolve('@runpod/mcp-server/package.json');

interface Sample {
  step: string;
  perSecond: number;
  cpuMs: number;
}

interface ListSize {
  /** Tokens (o200k) of what a model reads: names, descriptions and input schemas. */
  read: number;
  /** All that is sent, four characters a token: how the sizes of such lists are usually told. */
  sent: number;
}

/** A server that answers the call, over whichever transport. */
interface Lane {
  name: string;
  /** What it is asked, each for itself. */
  steps: readonly { name: string; ask(seconds: number): Promise<number> }[];
  pid: number | undefined;
  /** Of the whole list of tools. */
  list?: ListSize;
  close(): Promise<unknown>;
}

export async function infra({ isQuick }: BenchOptions): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-bench-infra-'));
  const platform = await startNode([join(servers, 'stub-platform.ts')], { until: /"port":(\d+)/ });
  const env = variables(`http://127.0.0.1:${platform.match[1]}`, folder);
  const lanes: Lane[] = [];
  try {
    for (const open of [ours, original, limit, oursOverStdio, originalOverStdio]) lanes.push(await open(env));
    for (const { ask } of lanes.flatMap(({ steps }) => steps)) await ask(warmUpSeconds);
    return report(await measureLanes(lanes, isQuick ? { turns: 3, seconds: 1 } : { turns: 5, seconds: 3 }));
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
  return overHttp('ours_http', { child, port, path: '/mcp/runpod-4' });
}

async function original(env: Record<string, string>): Promise<Lane> {
  const { child, match } = await startNode([join(servers, 'runpod.ts')], { env, until: /"port":(\d+)/ });
  return overHttp('original_http', { child, port: Number(match[1]), path: '/mcp' });
}

/** Whatever a server does beside answering, it is no faster than one that does nothing else. */
async function limit(env: Record<string, string>): Promise<Lane> {
  const { child, match } = await startNode([join(servers, 'bare-read.ts')], { env, until: /"port":(\d+)/ });
  return overHttp('limit_http', { child, port: Number(match[1]), path: '/mcp' });
}

function overHttp(
  name: string,
  { child, port, path }: { child: ChildProcess; port: number; path: string },
): Lane {
  const toStep = (workload: Workload) => ({
    name: workload.name,
    async ask(seconds: number) {
      const load = { port, workload: { ...workload, path }, connections: inFlight, seconds };
      const { ok, failed, sample } = await runLoad(load);
      if (failed > 0) throw new Error(`${name} ${workload.name}: ${failed} failed: ${sample}`);
      return ok;
    },
  });
  return { name, pid: child.pid, steps: infraWorkloads.map(toStep), close: () => stop(child) };
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
  const once = async (pod: string) => {
    const { content } = await client.callTool({ name: 'get-pod', arguments: { id: pod } });
    const text = JSON.stringify(content);
    if (!text.includes(quickText)) throw new Error(`${name}: ${text.slice(0, 300)}`);
  };
  const { tools } = await client.listTools();
  const texts = tools.map(({ name: tool, description, inputSchema }) =>
    JSON.stringify({ name: tool, description, inputSchema }),
  );
  return {
    name,
    list: {
      read: texts.reduce((sum, text) => sum + encode(text).length, 0),
      sent: Math.round(JSON.stringify(tools).length / 4),
    },
    pid: transport.pid ?? undefined,
    steps: [
      { name: 'call', ask: (seconds) => repeatedly((count) => once(`p${count}`), seconds) },
      { name: 'same_call', ask: (seconds) => repeatedly(() => once('p1'), seconds) },
    ],
    close: () => client.close(),
  };
}

/** How often it was done within the time, so many at once. */
async function repeatedly(once: (count: number) => Promise<void>, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1_000;
  let count = 0;
  const repeat = async () => {
    while (performance.now() < until) {
      count += 1;
      await once(count);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, repeat));
  return count;
}

/** By turns, so that what else the machine does meets all of them. */
async function measureLanes(
  lanes: readonly Lane[],
  { turns, seconds }: { turns: number; seconds: number },
): Promise<(Lane & { samples: Sample[] })[]> {
  const measured = lanes.map((lane) => ({ ...lane, samples: [] as Sample[] }));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const { name: step } of infraWorkloads) {
      for (const lane of measured) lane.samples.push(...(await measure(lane, step, seconds)));
    }
  }
  return measured;
}

async function measure({ steps, pid }: Lane, step: string, seconds: number): Promise<Sample[]> {
  const asked = steps.find(({ name }) => name === step);
  if (asked === undefined) return [];
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  const count = await asked.ask(seconds);
  const elapsed = (performance.now() - startedAt) / 1_000;
  return [{ step, perSecond: count / elapsed, cpuMs: ((cpuSeconds(pid) - cpuBefore) * 1_000) / count }];
}

interface Figure {
  per_second: number;
  cpu_ms: number;
}

type Figures = Readonly<Record<string, Figure>>;

/** A client that comes, lists what there is and calls once: what its steps take, one after the other. */
function visit({ initialize, list, call }: Figures): Figure | undefined {
  if (initialize === undefined || list === undefined || call === undefined) return undefined;
  const each = [initialize, list, call];
  return {
    per_second: round(1 / each.reduce((sum, one) => sum + 1 / one.per_second, 0), 0),
    cpu_ms: round(
      each.reduce((sum, one) => sum + one.cpu_ms, 0),
      3,
    ),
  };
}

function toFigures(samples: readonly Sample[]): Figures {
  const steps = Object.entries(Object.groupBy(samples, ({ step }) => step)).map(([step, own = []]) => [
    step,
    {
      per_second: round(median(own.map(({ perSecond }) => perSecond)), 0),
      cpu_ms: round(median(own.map(({ cpuMs }) => cpuMs)), 3),
    },
  ]);
  const figures: Figures = Object.fromEntries(steps);
  const whole = visit(figures);
  return whole === undefined ? figures : { ...figures, visit: whole };
}

const labels: Readonly<Record<string, string>> = {
  initialize: 'initialize',
  list: 'tools/list',
  call: 'a call on an open session, of pods that differ',
  same_call: 'a call on an open session, of one pod',
  visit: 'a whole visit (initialize, tools/list, one call), from the three',
};

function report(measured: readonly (Lane & { samples: readonly Sample[] })[]): BenchResult {
  const lanes = Object.fromEntries(measured.map(({ name, samples }) => [name, toFigures(samples)]));
  const lists = Object.fromEntries(
    measured.flatMap(({ name, list }) => (list === undefined ? [] : [[name, list]])),
  );
  const lines: string[] = [];
  const ratios: Record<string, { per_second: number; cpu: number }> = {};
  for (const transport of ['http', 'stdio']) {
    const [ours, theirs] = [lanes[`ours_${transport}`] ?? {}, lanes[`original_${transport}`] ?? {}];
    for (const [step, own] of Object.entries(ours)) {
      const other = theirs[step];
      if (other === undefined) continue;
      const ratio = {
        per_second: round(own.per_second / other.per_second, 1),
        cpu: round(other.cpu_ms / own.cpu_ms, 1),
      };
      ratios[`${transport}_${step}`] = ratio;
      const bare = lanes[`limit_${transport}`]?.[step];
      const most = bare === undefined ? '' : toMost(other, bare, own);
      lines.push(
        `${transport.padEnd(6)}${(labels[step] ?? step).padEnd(66)}${own.per_second} a second beside ${other.per_second}: ${ratio.per_second} times; by processor time ${ratio.cpu} times (${own.cpu_ms} ms beside ${other.cpu_ms})${verdict(transport, ratio.per_second)}${most}`,
      );
    }
  }
  const sharesOfList = Object.fromEntries(
    (['read', 'sent'] as const).map((count) => {
      const [own = Number.NaN, other = 0] = [lists.ours_stdio?.[count], lists.original_stdio?.[count]];
      const share = round(own / other);
      lines.push(
        `the list of tools, ${countedAs[count]}: ${own} beside the original's ${other}, ${share} of it (aim: under a third)`,
      );
      return [count, share];
    }),
  );
  return { figures: { ...lanes, ratios, list_tokens: lists, list_shares: sharesOfList }, lines };
}

/** What a server that does nothing else reaches, and how much of that is ours, by processor time. */
function toMost(other: Figure, bare: Figure, own: Figure): string {
  return `; the limit ${round(other.cpu_ms / bare.cpu_ms, 1)} times (${bare.cpu_ms} ms), ours ${round(bare.cpu_ms / own.cpu_ms)} of it`;
}

const countedAs = {
  read: 'tokens of what a model reads (o200k)',
  sent: 'all that is sent, four characters a token',
} as const;

/** Over stdio a client of the official SDK at the other end is the limit of both. */
function verdict(transport: string, ratio: number): string {
  if (transport !== 'http') return '';
  return ratio >= 10 ? '  aim of 10 met' : '  aim of 10 MISSED';
}

/**
 * Gateways and servers that npm offers beside ours: one client, one machine, one call that ends in the same GET at the same stand-in for
 * a platform. Processor time and memory are those of all processes that a gateway takes, the server that it stands before among them.
 * Packages of others are installed once, at the versions below, into the folder of caches.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, waitFor } from '@inferry/testing';
import { type LoadResult, runLoad } from './gateway/load.ts';
import { infraWorkloads, type Workload } from './gateway/workloads.ts';
import { residentMib, startNode, stop } from './processes.ts';
import { type BenchOptions, type BenchResult, median, round } from './report.ts';

const versions = { 'mcp-proxy': '6.7.19', supergateway: '4.0.0', fastmcp: '4.20.16' } as const;
const folder = join(import.meta.dirname, '..', 'node_modules', '.cache', 'bench-gateways');
const servers = join(import.meta.dirname, 'gateway', 'servers');
const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
const oneTool = join(servers, 'one-tool.ts');
const connections = 16;

interface Contestant {
  name: string;
  path?: string;
  start(at: { platform: string; port: number; home: string }): Promise<{ child: ChildProcess; port: number }>;
}

const listening = /"port":(\d+),"msg":"listening"/;

function server(kind: string) {
  return async ({ platform, port }: { platform: string; port: number }) => {
    const fastmcp = join(folder, 'node_modules', 'fastmcp', 'dist', 'FastMCP.js');
    const env = { KIND: kind, PLATFORM: platform, PORT: String(port), FASTMCP: fastmcp };
    const { child, match } = await startNode([oneTool], { env, until: listening });
    return { child, port: Number(match[1]) };
  };
}

/** A program before the stdio server. */
function before(file: string, argsOf: (port: number, command: string[]) => string[], until: RegExp) {
  return async ({ platform, port }: { platform: string; port: number }) => {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', oneTool];
    const env = { KIND: 'stdio', PLATFORM: platform };
    const entry = join(folder, 'node_modules', file);
    const { child } = await startNode([entry, ...argsOf(port, command)], { env, until });
    return { child, port };
  };
}

const contestants: readonly Contestant[] = [
  { name: 'inferry', path: '/mcp/runpod-4', start: startOurs },
  { name: 'SDK v2 McpServer', start: server('second') },
  { name: 'SDK v1 McpServer', start: server('first') },
  { name: 'fastmcp', start: server('fastmcp') },
  {
    name: 'mcp-proxy',
    start: before(
      'mcp-proxy/dist/bin/mcp-proxy.mjs',
      (port, command) => ['--stateless', '--server', 'stream', '--port', String(port), '--', ...command],
      /server|listening|starting/i,
    ),
  },
  {
    name: 'supergateway',
    start: before(
      'supergateway/dist/index.js',
      (port, command) => [
        ...['--stdio', command.join(' '), '--outputTransport', 'streamableHttp', '--port', String(port)],
        // Without a session it starts a process for each call.
        '--stateful',
      ],
      /Listening/i,
    ),
  },
];

async function startOurs({ platform, port, home }: { platform: string; port: number; home: string }) {
  const bases = ['SERVERLESS_API_URL', 'REST_V2_API_URL', 'REST_API_URL', 'API_BASE_URL'];
  const limits = ['CREDENTIAL', 'SUBJECT', 'IP_PRE_AUTH', 'IP_POST_AUTH'];
  const env = {
    ...Object.fromEntries(bases.map((name) => [`RUNPOD_${name}`, platform])),
    ...Object.fromEntries(limits.map((name) => [`RATE_LIMIT_${name}`, '1000000'])),
    ...{ RUNPOD_API_KEY: 'rpa_bench', INFERRY_HOME: home, PROVIDERS: 'runpod', PROFILES: 'runpod-4' },
    ...{ PORT: String(port), LOG_LEVEL: 'error' },
  };
  const { child } = await startNode([main, 'start'], { env, until: /ready/ });
  return { child, port };
}

interface Figure {
  cpu_us: number;
  per_second: number;
  p50_ms: number;
  p99_ms: number;
  rss_mib: number;
  wrong: number;
  answered: number;
}

export async function gateways({ isQuick }: BenchOptions): Promise<BenchResult> {
  await install();
  const platform = await startNode([join(servers, 'stub-platform.ts')], { until: listening });
  const origin = `http://127.0.0.1:${platform.match[1]}`;
  const figures: Record<string, Figure | string> = {};
  try {
    for (const contestant of contestants) {
      figures[contestant.name] = await compete(contestant, origin, isQuick ? 3 : 7).catch(
        (error: unknown) => `did not answer: ${String(error).slice(0, 200)}`,
      );
    }
  } finally {
    await stop(platform.child);
  }
  return { figures: { date: new Date().toISOString(), versions, figures }, lines: linesOf(figures) };
}

async function compete(
  { path = '/mcp', start }: Contestant,
  platform: string,
  turns: number,
): Promise<Figure> {
  const home = mkdtempSync(join(tmpdir(), 'inferry-bench-gateways-'));
  const { child, port } = await start({ platform, port: await freePort(), home });
  try {
    const workload = await begin(`http://127.0.0.1:${port}${path}`, path);
    const load = (seconds: number) => runLoad({ port, workload, connections, seconds });
    await warm(load);
    const taken: (LoadResult & { cpuUs: number })[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      const before = cpuOfTree(child.pid);
      const result = await load(1);
      const cpuUs = ((cpuOfTree(child.pid) - before) * 1e6) / Math.max(1, result.ok + result.failed);
      taken.push({ ...result, cpuUs });
    }
    return toFigure(
      taken,
      treeOf(child.pid).reduce((sum, pid) => sum + memoryOf(pid), 0),
    );
  } finally {
    await stop(child);
    rmSync(home, { recursive: true, force: true });
  }
}

/** As any client begins; those that keep a session are called within one. */
async function begin(url: string, path: string): Promise<Workload> {
  const [first, call] = ['initialize', 'call'].map((name) => infraWorkloads.find((one) => one.name === name));
  if (first?.body === undefined || call === undefined) throw new Error('there is no such call');
  const send = (body: string, headers: Readonly<Record<string, string>>) =>
    fetch(url, { method: 'POST', headers, body });
  const hello = first.body.replaceAll('__ID__', '1');
  let session: string | null = null;
  // Some say that they listen before they do.
  await waitFor(
    async () => {
      const answer = await send(hello, first.headers).catch(() => undefined);
      await answer?.text();
      session = answer?.headers.get('mcp-session-id') ?? null;
      return answer?.ok === true;
    },
    { what: 'an answer to initialize', timeoutMs: 30_000 },
  );
  if (session === null) return { ...call, path };
  const headers = { ...call.headers, 'mcp-session-id': session };
  await (await send('{"jsonrpc":"2.0","method":"notifications/initialized"}', headers)).text();
  return { ...call, path, headers };
}

/** By calls, and not by the clock: until what runs often is compiled. */
async function warm(load: (seconds: number) => Promise<LoadResult>): Promise<void> {
  const until = performance.now() + 20_000;
  let answered = 0;
  while (answered < 6_000 && performance.now() < until) answered += (await load(1)).ok;
}

function toFigure(taken: readonly (LoadResult & { cpuUs: number })[], rssMib: number): Figure {
  const middle = (read: (one: LoadResult & { cpuUs: number }) => number) => median(taken.map(read));
  return {
    cpu_us: round(
      middle(({ cpuUs }) => cpuUs),
      0,
    ),
    per_second: round(
      middle(({ ok, seconds }) => ok / seconds),
      0,
    ),
    p50_ms: round(
      middle(({ p50Ms }) => p50Ms),
      2,
    ),
    p99_ms: round(
      middle(({ p99Ms }) => p99Ms),
      2,
    ),
    rss_mib: round(rssMib, 0),
    wrong: taken.reduce((sum, { failed }) => sum + failed, 0),
    answered: taken.reduce((sum, { ok }) => sum + ok, 0),
  };
}

/** A process and all that it has started. */
function treeOf(root: number | undefined): number[] {
  if (root === undefined) return [];
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const parent = Number(statOf(Number(name))?.[1] ?? Number.NaN);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Of /proc/<pid>/stat what follows the name: the state is the first. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** Seconds of processor time, that of children that have ended included. */
function cpuOfTree(root: number | undefined): number {
  const ticks = treeOf(root).flatMap((pid) => (statOf(pid) ?? []).slice(11, 15).map(Number));
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

function memoryOf(pid: number): number {
  try {
    return residentMib(pid);
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}

async function install(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const wanted = JSON.stringify({ private: true, dependencies: versions });
  const file = join(folder, 'package.json');
  try {
    if (readFileSync(file, 'utf8') === wanted) return;
  } catch {
    // Nothing was installed yet.
  }
  writeFileSync(join(folder, '.npmrc'), 'ignore-scripts=true\n');
  const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
  writeFileSync(file, '{"private":true}');
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--no-save', ...packages], {
    cwd: folder,
  });
  writeFileSync(file, wanted);
}

function linesOf(figures: Readonly<Record<string, Figure | string>>): string[] {
  const head = `${'one call, one GET behind it'.padEnd(30)}${['CPU us a call', 'calls/s', 'p50 ms', 'p99 ms', 'MiB', 'wrong'].map((name) => name.padStart(15)).join('')}`;
  const rows = Object.entries(figures).map(([name, figure]) => {
    if (typeof figure === 'string') return `${name.padEnd(30)}  ${figure}`;
    const { cpu_us: cpu, per_second: rate, p50_ms: p50, p99_ms: p99, rss_mib: rss, wrong } = figure;
    return (
      name.padEnd(30) + [cpu, rate, p50, p99, rss, wrong].map((value) => String(value).padStart(15)).join('')
    );
  });
  return [head, ...rows, ...leads(figures)];
}

/** In which column somebody else is better than ours. */
function leads(figures: Readonly<Record<string, Figure | string>>): string[] {
  const { inferry: ours, ...rest } = figures;
  if (ours === undefined || typeof ours === 'string') return [];
  const others = Object.entries(rest).flatMap(([name, one]) =>
    typeof one === 'string' ? [] : [{ name, one }],
  );
  return (['cpu_us', 'p99_ms', 'rss_mib', 'wrong'] as const).map((column) => {
    const better = others.filter(({ one }) => one[column] < ours[column]).map(({ name }) => name);
    return `${column}: ${better.length === 0 ? 'nobody is better than ours' : `better than ours: ${better.join(', ')}`}`;
  });
}

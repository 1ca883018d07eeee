/** Start-up of the packaged command over stdio until `initialize` is answered, and its memory when idle, beside an SDK's server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildPackage } from '../scripts/package.ts';
import { residentMib } from './processes.ts';
import { type BenchOptions, type BenchResult, median, round } from './report.ts';

const idleMs = 4_000;
const hello = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'inferry-bench', version: '1' },
};
/** One tool, on the official SDK. */
const peer = `
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
const server = new McpServer({ name: 'peer', version: '1' });
const answer = async ({ text }) => ({ content: [{ type: 'text', text }] });
server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, answer);
await server.connect(new StdioServerTransport());`;

interface Figures {
  answeredMs: number;
  cpuMs: number;
  idleMib: number;
}

export async function stdio({ isQuick }: BenchOptions): Promise<BenchResult> {
  // Below node_modules, so that the package finds what it depends on.
  const cache = join(import.meta.dirname, '..', 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'bench-stdio-'));
  const env = {
    ...process.env,
    ...{ INFERRY_HOME: join(folder, 'home'), XDG_CACHE_HOME: join(folder, 'cache'), PROVIDERS: 'local' },
  };
  try {
    await buildPackage(folder);
    const ours: Figures[] = [];
    const peers: Figures[] = [];
    // The first start makes the data folder and fills the cache of compiled code.
    for (let at = 0; at <= (isQuick ? 3 : 7); at += 1) {
      const own = await measure([join(folder, 'package', 'inferry.mjs'), 'stdio'], env);
      const other = await measure(['--input-type=module', '-e', peer], env);
      if (at === 0) continue;
      ours.push(own);
      peers.push(other);
    }
    return report(ours, peers);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(ours: readonly Figures[], peers: readonly Figures[]): BenchResult {
  const of = (figures: readonly Figures[], key: keyof Figures) =>
    round(median(figures.map((one) => one[key])), 0);
  const ratio = (key: keyof Figures) =>
    round(median(ours.map((one, at) => one[key] / (peers[at]?.[key] ?? Number.NaN))));
  const figures = {
    answered_ms: of(ours, 'answeredMs'),
    cpu_ms: of(ours, 'cpuMs'),
    idle_mib: of(ours, 'idleMib'),
    sdk_answered_ms: of(peers, 'answeredMs'),
    sdk_cpu_ms: of(peers, 'cpuMs'),
    sdk_idle_mib: of(peers, 'idleMib'),
    ratio_answered: ratio('answeredMs'),
    ratio_cpu: ratio('cpuMs'),
    ratio_idle: ratio('idleMib'),
  };
  return {
    figures,
    lines: [
      `initialize is answered after ${figures.answered_ms} ms and ${figures.cpu_ms} ms of CPU (the SDK's server of one tool ${figures.sdk_answered_ms} and ${figures.sdk_cpu_ms}; ratios ${figures.ratio_answered} and ${figures.ratio_cpu}; aim under 400 ms)`,
      `idle ${figures.idle_mib} MiB (the SDK's ${figures.sdk_idle_mib}, ratio ${figures.ratio_idle}; aim under 114 MiB = 120 MB)`,
    ],
  };
}

async function measure(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Figures> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })}\n`);
  await once(createInterface({ input: child.stdout }), 'line');
  const answeredMs = performance.now() - startedAt;
  const cpuMs = usedMs(child.pid);
  await sleep(idleMs);
  const idleMib = residentMib(child.pid);
  const ended = once(child, 'exit');
  child.stdin.end();
  await ended;
  return { answeredMs, cpuMs, idleMib };
}

/** What a process has computed so far (Linux counts it in hundredths of a second). */
function usedMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

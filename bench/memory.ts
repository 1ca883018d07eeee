import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryHook, memoryOf } from './gateway/memory-of.ts';
import { Processes, type Server } from './gateway/started.ts';
import { targets } from './gateway/targets.ts';
import { workloads } from './gateway/workloads.ts';
import { type BenchOptions, type BenchResult, round } from './report.ts';

/** How requests are spread over the time of a run. */
interface Plan {
  /** How often memory is read. */
  parts: number;
  /** At least so many to each server between two readings. */
  requestsPerPart: number;
  /** How long a part takes at least. */
  partMs: number;
}

interface Figures {
  requests: number;
  failed: number;
  /** After each part, garbage collected. */
  heap_mib: number[];
  resident_mib: number[];
  /** Of the heap after the last part, beside that after the first. */
  heap_growth: number;
}

interface Watched {
  server: Server;
  memoryFile: string;
  figures: Figures;
}

/** Whether memory stays flat: 100,000 requests of every kind at one gateway, beside L2 in the same run. */
export function memory({ isQuick }: BenchOptions): Promise<BenchResult> {
  return watch({ parts: 5, requestsPerPart: isQuick ? 5_000 : 20_000, partMs: 0 });
}

/** The same over an hour, which timers, caches and connections need to show what they keep. */
export function soak({ isQuick }: BenchOptions): Promise<BenchResult> {
  const minutes = isQuick ? 2 : 60;
  const parts = 12;
  return watch({ parts, requestsPerPart: 10_000, partMs: (minutes * 60_000) / parts });
}

async function watch(plan: Plan): Promise<BenchResult> {
  const processes = await Processes.start();
  try {
    const watched: Watched[] = [];
    for (const name of ['ours', 'l2']) watched.push(await start(processes, name));
    // What is compiled and opened once belongs to no request.
    for (const { server } of watched) await send(processes, server, plan.requestsPerPart);
    for (let part = 0; part < plan.parts; part += 1) {
      const endsAt = performance.now() + plan.partMs;
      for (const each of watched) await measure(processes, each, plan);
      await sleep(Math.max(0, endsAt - performance.now()));
    }
    const figures = Object.fromEntries(watched.map((each) => [each.server.target.name, withGrowth(each)]));
    const lines = Object.entries(figures).map(([name, of]) => `${name}: ${JSON.stringify(of)}`);
    return { figures, lines: [...lines, 'aim: heap growth at most 1.1'] };
  } finally {
    await processes.stop();
  }
}

async function start(processes: Processes, name: string): Promise<Watched> {
  const target = targets.find((each) => each.name === name);
  if (target === undefined) throw new Error(`There is no target ${name}.`);
  const memoryFile = join(processes.outside.folder, `${name}.json`);
  const env = (outside: typeof processes.outside) => ({
    ...target.env?.(outside),
    BENCH_MEMORY_FILE: memoryFile,
  });
  const server = await processes.startServer({ ...target, env }, memoryHook);
  const figures: Figures = { requests: 0, failed: 0, heap_mib: [], resident_mib: [], heap_growth: 0 };
  return { server, memoryFile, figures };
}

async function measure(processes: Processes, { server, memoryFile, figures }: Watched, plan: Plan) {
  const { ok, failed } = await send(processes, server, plan.requestsPerPart);
  figures.requests += ok;
  figures.failed += failed;
  const { heapBytes, residentMib } = await memoryOf(server, memoryFile);
  figures.heap_mib.push(round(heapBytes / 1_048_576));
  figures.resident_mib.push(round(residentMib, 0));
}

function withGrowth({ figures }: Watched): Figures {
  const [first = 1] = figures.heap_mib;
  return { ...figures, heap_growth: round((figures.heap_mib.at(-1) ?? 1) / first) };
}

/** At least so many requests, in turns of every kind. */
async function send(
  processes: Processes,
  { port }: Server,
  count: number,
): Promise<{ ok: number; failed: number }> {
  const sent = { ok: 0, failed: 0 };
  while (sent.ok < count) {
    for (const workload of workloads) {
      const { ok, failed, sample } = await processes.load({ port, workload, connections: 16, seconds: 0.5 });
      if (ok === 0) throw new Error(`nothing was answered: ${sample}`);
      sent.ok += ok;
      sent.failed += failed;
    }
  }
  return sent;
}

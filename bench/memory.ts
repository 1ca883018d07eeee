import { join } from 'node:path';
import { memoryHook, memoryOf } from './gateway/memory-of.ts';
import { Processes, type Server } from './gateway/started.ts';
import { type Target, targets } from './gateway/targets.ts';
import { workloads } from './gateway/workloads.ts';
import { type BenchOptions, type BenchResult, round } from './report.ts';

const parts = 5;

interface Figures {
  requests: number;
  failed: number;
  /** After each fifth of the requests, garbage collected. */
  heap_mib: number[];
  resident_mib: number[];
  /** Of the heap after the last fifth, beside that after the first. */
  heap_growth: number;
}

/** Whether memory stays flat: 100,000 requests of every kind at one gateway, beside L2 in the same run. */
export async function memory({ isQuick }: BenchOptions): Promise<BenchResult> {
  const count = isQuick ? 25_000 : 100_000;
  const figures: Record<string, Figures> = {};
  for (const target of targets.filter(({ name }) => name === 'ours' || name === 'l2')) {
    figures[target.name] = await measure(target, count);
  }
  const lines = Object.entries(figures).map(([name, of]) => `${name}: ${JSON.stringify(of)}`);
  return { figures, lines: [...lines, 'aim: heap growth at most 1.1'] };
}

async function measure(target: Target, count: number): Promise<Figures> {
  const processes = await Processes.start();
  try {
    const memoryFile = join(processes.outside.folder, 'memory.json');
    const env = (outside: typeof processes.outside) => ({
      ...target.env?.(outside),
      BENCH_MEMORY_FILE: memoryFile,
    });
    const server = await processes.startServer({ ...target, env }, memoryHook);
    // What is compiled and opened once belongs to no request.
    await send(processes, server, count / parts);
    const figures: Figures = { requests: 0, failed: 0, heap_mib: [], resident_mib: [], heap_growth: 0 };
    for (let part = 0; part < parts; part += 1) {
      const { ok, failed } = await send(processes, server, count / parts);
      figures.requests += ok;
      figures.failed += failed;
      const { heapBytes, residentMib } = await memoryOf(server, memoryFile);
      figures.heap_mib.push(round(heapBytes / 1_048_576));
      figures.resident_mib.push(round(residentMib, 0));
    }
    const [first = 1] = figures.heap_mib;
    return { ...figures, heap_growth: round((figures.heap_mib.at(-1) ?? 1) / first) };
  } finally {
    await processes.stop();
  }
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

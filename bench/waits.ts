import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from './gateway/cores.ts';
import { memoryHook, memoryOf } from './gateway/memory-of.ts';
import { openWaits } from './gateway/open-waits.ts';
import { Processes, type Server } from './gateway/started.ts';
import { type Target, targets } from './gateway/targets.ts';
import { type BenchOptions, type BenchResult, percentile, round } from './report.ts';

const waitSeconds = 20;
const perSecond = 1_000;

interface Figures {
  waits: number;
  complete: number;
  failed: number;
  /** Of the process while all waits are open, above what it had before, garbage collected. */
  resident_kib_each: number;
  heap_kib_each: number;
  heap_left_kib_each: number;
  late_p50_ms: number;
  late_p99_ms: number;
  late_max_ms: number;
  cpu_share: number;
}

/** 5,000 open waits on one gateway, each with progress every 5 s for 20 s, beside L2 in the same run. */
export async function waits({ isQuick }: BenchOptions): Promise<BenchResult> {
  const count = Number(process.env.BENCH_WAITS ?? (isQuick ? 1_000 : 5_000));
  const figures: Record<string, Figures> = {};
  const lines: string[] = [];
  for (const target of targets.filter(({ name }) => name === 'ours' || name === 'l2')) {
    const { of, sample } = await measure(target, count);
    figures[target.name] = of;
    lines.push(`${target.label}: ${JSON.stringify(of)}${sample === undefined ? '' : ` e.g. ${sample}`}`);
  }
  lines.push('at least: none failed, 20 KiB each; aim: p99 of lateness under 50 ms');
  return { figures, lines };
}

/** Processes of its own for each, so that neither inherits what the other left behind. */
async function measure(target: Target, count: number): Promise<{ of: Figures; sample: string | undefined }> {
  const processes = await Processes.start();
  try {
    const memoryFile = join(processes.outside.folder, 'memory.json');
    const env = (outside: typeof processes.outside) => ({
      ...target.env?.(outside),
      BENCH_MEMORY_FILE: memoryFile,
    });
    const server = await processes.startServer({ ...target, env }, memoryHook);
    // Warm, so that what is compiled and opened once is not counted as memory of a wait.
    await openWaits({ port: server.port, waits: count / 5, waitSeconds: 5, perSecond }).outcome;
    await sleep(1_000);
    return await follow(server, { count, memoryFile });
  } finally {
    await processes.stop();
  }
}

async function follow(
  server: Server,
  { count, memoryFile }: { count: number; memoryFile: string },
): Promise<{ of: Figures; sample: string | undefined }> {
  const before = await memoryOf(server, memoryFile);
  const cpuBefore = cpuSeconds(server.pid);
  const startedAt = performance.now();
  let isCounted = true;
  const load = { port: server.port, waits: count, waitSeconds, perSecond };
  const { opened, outcome } = openWaits({ ...load, isCounted: () => isCounted });
  await opened;
  // After the first progress of each, when buffers have the size that they keep.
  await sleep(5_500);
  // Collecting all garbage stops the server for longer than anything that is measured here.
  isCounted = false;
  const open = await memoryOf(server, memoryFile);
  await sleep(1_000);
  isCounted = true;
  const { complete, failed, lateMs, sample } = await outcome;
  const cpuShare = (cpuSeconds(server.pid) - cpuBefore) / ((performance.now() - startedAt) / 1_000);
  await sleep(2_000);
  const after = await memoryOf(server, memoryFile);
  const late = (share: number) => round(percentile(lateMs, share), 0);
  return {
    of: {
      waits: count,
      complete,
      failed,
      resident_kib_each: round(((open.residentMib - before.residentMib) * 1_024) / count, 1),
      heap_kib_each: round((open.heapBytes - before.heapBytes) / 1_024 / count, 1),
      heap_left_kib_each: round((after.heapBytes - before.heapBytes) / 1_024 / count, 2),
      late_p50_ms: late(0.5),
      late_p99_ms: late(0.99),
      late_max_ms: late(1),
      cpu_share: round(cpuShare),
    },
    sample,
  };
}

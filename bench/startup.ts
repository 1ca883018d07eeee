import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@inferry/testing';
import { residentMib, startNode, stop } from './processes.ts';
import { type BenchResult, median, round } from './report.ts';

const rounds = 3;
const idleMs = 5_000;
const bare =
  "import('fastify').then(async ({default: f}) => { const a = f(); await a.listen({port: 0}); console.log('ready'); })";

/** Start-up of `npm start` after installation, and its memory when idle, beside a bare Fastify. */
export async function startup(): Promise<BenchResult> {
  const ours: { readyMs: number; idleMib: number }[] = [];
  const peers: { readyMs: number; idleMib: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await measureSystem());
    peers.push(await measure(['--input-type=module', '-e', bare], {}));
  }
  const figures = {
    ready_ms: round(median(ours.map(({ readyMs }) => readyMs)), 0),
    idle_mib: round(median(ours.map(({ idleMib }) => idleMib)), 0),
    bare_fastify_ready_ms: round(median(peers.map(({ readyMs }) => readyMs)), 0),
    bare_fastify_idle_mib: round(median(peers.map(({ idleMib }) => idleMib)), 0),
    ratio_idle: round(
      median(ours.map(({ idleMib }, index) => idleMib / (peers[index]?.idleMib ?? Number.NaN))),
    ),
  };
  return {
    figures,
    lines: [
      `npm start is ready after ${figures.ready_ms} ms (bare Fastify ${figures.bare_fastify_ready_ms} ms; limit 5,000 ms)`,
      `idle ${figures.idle_mib} MiB (bare Fastify ${figures.bare_fastify_idle_mib} MiB, ratio ${figures.ratio_idle}; aim under 238 MiB = 250 MB)`,
    ],
  };
}

async function measureSystem(): Promise<{ readyMs: number; idleMib: number }> {
  const home = mkdtempSync(join(tmpdir(), 'inferry-bench-'));
  const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
  try {
    return await measure([main, 'start'], { INFERRY_HOME: home, PORT: String(await freePort()) });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function measure(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ readyMs: number; idleMib: number }> {
  const { child, readyMs } = await startNode(args, { env, until: /ready/ });
  await sleep(idleMs);
  const idleMib = residentMib(child.pid);
  await stop(child);
  return { readyMs, idleMib };
}

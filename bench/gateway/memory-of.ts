import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { waitFor } from '@inferry/testing';
import { residentMib } from '../processes.ts';
import type { Server } from './started.ts';

const hook = pathToFileURL(join(import.meta.dirname, 'servers', 'memory-hook.ts')).href;

/** Arguments of Node with which a server tells its memory, in the file that `BENCH_MEMORY_FILE` names. */
export const memoryHook: readonly string[] = ['--expose-gc', '--import', hook];

/** What a server holds when all garbage is collected. */
export async function memoryOf(
  { pid }: Server,
  file: string,
): Promise<{ heapBytes: number; residentMib: number }> {
  rmSync(file, { force: true });
  if (pid !== undefined) process.kill(pid, 'SIGUSR2');
  const memory = await waitFor(() => JSON.parse(readFileSync(file, 'utf8')), {
    what: 'the server to tell its memory',
  });
  return { heapBytes: memory.heapUsed, residentMib: residentMib(pid) };
}

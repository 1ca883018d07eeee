import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Started {
  child: ChildProcess;
  /** Milliseconds from the start of the process until its output matched. */
  readyMs: number;
  match: RegExpExecArray;
}

/** Starts a Node process and waits until a line of its output matches. */
export async function startNode(
  args: readonly string[],
  { env = {}, until }: { env?: Record<string, string>; until: RegExp },
): Promise<Started> {
  const startedAt = performance.now();
  const flags = ['--disable-warning=ExperimentalWarning', ...args];
  const child = spawn(process.execPath, flags, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Started>();
  const timer = setTimeout(() => reject(new Error(`no line matched ${until} within 30 s`)), 30_000);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const match = until.exec(line);
    if (match !== null) resolve({ child, readyMs: performance.now() - startedAt, match });
  });
  child.once('exit', () => reject(new Error('the process ended before it was ready')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exited;
  clearTimeout(timer);
}

/** Resident memory of a process in MiB (Linux). */
export function residentMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

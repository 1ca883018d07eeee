import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The server under test has a core of its own; the generator and what stands behind the servers share the other. */
export const serverCore = 0;
export const otherCore = 1;

/** Gives a process, with all its threads, one core; false where that cannot be done. */
export async function pin(pid: number | undefined, core: number): Promise<boolean> {
  if (pid === undefined || availableParallelism() < 2) return false;
  try {
    await run('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
    return true;
  } catch {
    // No taskset on this system: the run says that it was not pinned.
    return false;
  }
}

/** Ticks of the kernel's clock in /proc (USER_HZ), 100 a second on every Linux that Node runs on. */
const tickSeconds = 0.01;

/**
 * Seconds of processor time that a process took since its start, to the nanosecond where the kernel counts its threads so;
 * NaN where /proc does not tell. Threads that have ended are not in it: a server under load ends none.
 */
export function cpuSeconds(pid: number | undefined): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const spent = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8'));
    return spent.reduce((sum, line) => sum + Number.parseInt(line, 10), 0) / 1e9;
  } catch {
    return cpuByTicks(pid);
  }
}

function cpuByTicks(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickSeconds;
  } catch {
    return Number.NaN;
  }
}

/** Seconds that each core was busy since the machine started; empty where /proc does not tell. */
export function busySeconds(): number[] {
  try {
    const lines = readFileSync('/proc/stat', 'utf8').match(/^cpu\d+ .*$/gm) ?? [];
    return lines.map((line) => {
      const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(' ').slice(1).map(Number);
      return (user + nice + system + irq + softirq) * tickSeconds;
    });
  } catch {
    return [];
  }
}

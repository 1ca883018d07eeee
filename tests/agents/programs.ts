/** Programs of others, started with nothing of the person who tries them and with no way to anywhere but this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';

/** An agent does its six questions in a few seconds; a machine may be busy. */
const patienceMs = 240_000;
/** Nobody listens there. What is no program of Node's asks for everything beyond this machine at it. */
const proxy = 'http://127.0.0.1:9';

/** For programs that are not on Node, in which connections to elsewhere are refused. */
export const refusingProxy: Readonly<Record<string, string>> = {
  HTTP_PROXY: proxy,
  HTTPS_PROXY: proxy,
  ALL_PROXY: proxy,
  NO_PROXY: '127.0.0.1,localhost',
};

export interface Ended {
  code: number | null;
  output: string;
}

export interface Surroundings {
  home: string;
  env?: Readonly<Record<string, string>> | undefined;
}

/** Runs it to its end, in a folder of its own: what it wrote, and how it ended. Nothing that it started outlives it. */
export async function runProgram(
  [command = '', ...args]: readonly string[],
  { home, env }: Surroundings,
): Promise<Ended> {
  const cwd = `${home}/work`;
  await mkdir(cwd, { recursive: true });
  const guard = new URL('only-loopback.mjs', import.meta.url);
  const program = spawn(command, args, {
    cwd,
    // No keys, no settings.
    env: { PATH: process.env.PATH, HOME: home, NODE_OPTIONS: `--import=${guard}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // At the head of a group, which ends with it.
    detached: process.platform !== 'win32',
  });
  let output = '';
  for (const stream of [program.stdout, program.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const end = () => endGroup(program.pid);
  const timer = setTimeout(() => {
    output += `\nnot done after ${patienceMs / 1_000} seconds`;
    end();
  }, patienceMs);
  program.once('exit', end);
  const [code] = await once(program, 'close');
  clearTimeout(timer);
  return { code, output };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // All of them are gone.
  }
}

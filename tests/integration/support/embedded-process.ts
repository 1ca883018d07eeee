import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { waitFor } from '@inferry/testing';

const main = join(import.meta.dirname, '../../../cli/src/main.ts');

export interface EmbeddedProcess {
  url: string;
  /** Of the process that runs now. */
  pid(): number;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The same system again, on the same folder and port. */
  start(): Promise<void>;
  /** What it has written so far. */
  log: string[];
}

/** What `npm start` runs, as a process of its own that can be killed and started again. */
export async function startEmbeddedProcess(options: {
  port: number;
  home: string;
  env: Record<string, string>;
}): Promise<EmbeddedProcess> {
  const { port, home } = options;
  const url = `http://127.0.0.1:${port}`;
  const log: string[] = [];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'start'], {
      env: {
        PATH: process.env.PATH,
        INFERRY_HOME: home,
        PORT: String(port),
        LOG_LEVEL: 'warn',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk) => void log.push(...String(chunk).trimEnd().split('\n')));
    }
    const isReady = async () => {
      if (started.exitCode !== null) throw new Error(`it ended: ${log.slice(-5).join('\n')}`);
      return (await readyStatus(url)) === 200;
    };
    await waitFor(isReady, { timeoutMs: 180_000, everyMs: 50, what: 'the embedded system' });
  }

  await start();
  return {
    ...{ url, log, start },
    pid: () => child?.pid ?? 0,
    async kill(signal) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** What `/readyz` answers; 0 when nobody does. */
export async function readyStatus(url: string): Promise<number> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  await response?.body?.cancel();
  return response?.status ?? 0;
}

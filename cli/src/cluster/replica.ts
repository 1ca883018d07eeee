import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ReplicaOptions {
  service: string;
  /** The file to run, for a process that is no service of the product. */
  main?: string | undefined;
  index: number;
  env: NodeJS.ProcessEnv;
  /** Gets each line of its log. */
  onLine(prefix: string, line: string): void;
}

const restartDelayMs = 300;
const probeTimeoutMs = 2_000;

/**
 * One service process under supervision: it listens on a port of its own choosing, which it tells over the channel, and is
 * started again when it dies, as an orchestrator would.
 */
export class Replica {
  readonly service: string;
  readonly index: number;
  port: number | undefined;
  isReady = false;
  readonly #options: ReplicaOptions;
  #child: ChildProcess | undefined;
  #isStopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: ReplicaOptions) {
    this.service = options.service;
    this.index = options.index;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const main = this.#options.main ?? fileURLToPath(import.meta.resolve(`@inferry/${this.service}/main`));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
      env: { ...this.#options.env, PORT: '0', HOST: '127.0.0.1' },
      // A group of its own, so that Ctrl-C reaches the cluster alone and it stops all in order; the channel tells the
      // service when the cluster is gone, however it went.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const prefix = `${this.service}.${this.index}`;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => this.#options.onLine(prefix, line));
    }
    child.on('message', (message) => {
      if (typeof message === 'object' && 'port' in message) this.port = Number(message.port);
    });
    child.once('exit', () => this.#exited());
  }

  /** Asks `/readyz`; what does not answer is not ready. */
  async probe(): Promise<boolean> {
    if (this.port === undefined) return false;
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/readyz`, {
        signal: AbortSignal.timeout(probeTimeoutMs),
      });
      await response.arrayBuffer();
      this.isReady = response.ok;
    } catch {
      // Refused or too slow: both mean that it cannot take work.
      this.isReady = false;
    }
    return this.isReady;
  }

  /** One like it, of this release's code, beside it. */
  successor(index: number, main?: string): Replica {
    return new Replica({ ...this.#options, main, index });
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  /** SIGTERM, and SIGKILL when the grace period is over; resolves with the exit code once the process is gone. */
  async stop(graceMs: number): Promise<number | null> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? 0;
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const code = await exited;
    clearTimeout(timer);
    return code;
  }

  #exited(): void {
    this.port = undefined;
    this.isReady = false;
    if (!this.#isStopping) this.#restart = setTimeout(() => this.start(), restartDelayMs);
  }
}

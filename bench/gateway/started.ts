import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNats, startRedis, waitFor } from '@inferry/testing';
import { startNode, stop } from '../processes.ts';
import { otherCore, pin, serverCore } from './cores.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import { type Outside, serviceEnv, type Target } from './targets.ts';

export interface Server {
  target: Target;
  pid: number | undefined;
  port: number;
}

/** Every process of a run. */
export class Processes {
  readonly outside: Outside;
  readonly #children: ChildProcess[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  #generator: ChildProcess | undefined;
  isPinned = true;

  private constructor(outside: Outside) {
    this.outside = outside;
    // Should the bench end early, nothing of it stays.
    process.once('exit', () => {
      for (const child of this.#children) child.kill('SIGKILL');
    });
  }

  /** NATS, Redis and what answers behind the servers, all on the generator's core. */
  static async start(): Promise<Processes> {
    const [nats, redis] = [await startNats(), await startRedis()];
    const folder = mkdtempSync(join(tmpdir(), 'inferry-bench-'));
    mkdirSync(join(folder, 'blobs'));
    const outside: Outside = { natsUrl: nats.url, redisUrl: redis.url, platformUrl: '', folder };
    const processes = new Processes(outside);
    processes.#stops.push(
      () => nats.stop(),
      () => redis.stop(),
      async () => rmSync(folder, { recursive: true, force: true }),
    );
    await Promise.all([nats.pid, redis.pid].map((pid) => processes.#pin(pid, otherCore)));
    const { port } = await processes.startBehind('./servers/stub-platform.ts', {});
    outside.platformUrl = `http://127.0.0.1:${port}`;
    await processes.startBehind('./servers/l2-answers.ts', { NATS_URL: nats.url });
    await processes.startBehind('./servers/tool-service.ts', serviceEnv(outside));
    return processes;
  }

  /** A process behind the servers. */
  startBehind(entry: string, env: Record<string, string>): Promise<Pick<Server, 'pid' | 'port'>> {
    return this.#start(entry, { env, core: otherCore });
  }

  /** One of our services, as it runs alone. */
  startService(name: string): Promise<Pick<Server, 'pid' | 'port'>> {
    return this.startBehind(`@inferry/${name}/main`, serviceEnv(this.outside));
  }

  async startServer(target: Target, nodeArgs: readonly string[] = []): Promise<Server> {
    const env = target.env?.(this.outside) ?? {};
    return { target, ...(await this.#start(target.entry, { env, core: serverCore, nodeArgs })) };
  }

  /** Runs one load in the generator's process. */
  async load(options: LoadOptions): Promise<LoadResult> {
    this.#generator ??= await this.#startGenerator();
    const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
    const timer = setTimeout(() => reject(new Error('the generator hangs')), (options.seconds + 30) * 1_000);
    this.#generator.once('message', (message: { result?: LoadResult; error?: string }) => {
      if (message.result === undefined) reject(new Error(message.error));
      else resolve(message.result);
    });
    this.#generator.send(options);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.#generator?.disconnect();
    await Promise.all(this.#children.map(stop));
    for (const end of this.#stops) await end();
  }

  async #startGenerator(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'generator.ts'), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // JSON has no NaN.
      serialization: 'advanced',
    });
    this.#children.push(child);
    await this.#pin(child.pid, otherCore);
    return child;
  }

  async #start(
    entry: string,
    options: { env: Record<string, string>; core: number; nodeArgs?: readonly string[] },
  ): Promise<Pick<Server, 'pid' | 'port'>> {
    const file = fileURLToPath(import.meta.resolve(entry));
    const { child, match } = await startNode([...(options.nodeArgs ?? []), file], {
      env: options.env,
      until: /"port":(\d+),"msg":"listening"/,
    });
    this.#children.push(child);
    await this.#pin(child.pid, options.core);
    const port = Number(match[1]);
    // Ours say more than that they listen: whether they know what they answer by.
    if (entry.startsWith('@inferry/')) await ready(port, entry);
    return { pid: child.pid, port };
  }

  async #pin(pid: number | undefined, core: number): Promise<void> {
    if (!(await pin(pid, core))) this.isPinned = false;
  }
}

function ready(port: number, what: string): Promise<boolean> {
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  return waitFor(isReady, { what: `${what} to be ready`, timeoutMs: 30_000 });
}

import { connect, type Socket } from 'node:net';
import { percentile } from '../report.ts';
import { type HttpReply, ReplyReader } from './reply-reader.ts';
import { toRequests, type Workload } from './workloads.ts';

export interface LoadOptions {
  port: number;
  workload: Workload;
  connections: number;
  seconds: number;
}

export interface LoadResult {
  ok: number;
  failed: number;
  /** The first answer that was not as it must be. */
  sample: string | undefined;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  /** Share of one core that the generator itself took. */
  cpuShare: number;
}

const stuckMs = 10_000;

/** Sends requests for a while, one after the other on each connection, and checks every answer. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const load = new Load(options);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await load.run();
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return {
    ok: load.times.length,
    failed: load.failed,
    sample: load.sample,
    seconds: elapsedMs / 1_000,
    p50Ms: percentile(load.times, 0.5),
    p99Ms: percentile(load.times, 0.99),
    cpuShare: (user + system) / 1_000 / elapsedMs,
  };
}

class Load {
  readonly times: number[] = [];
  failed = 0;
  sample: string | undefined;
  readonly #options: LoadOptions;
  readonly #requests: Buffer[];
  readonly #until: number;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#requests = toRequests(options.workload, options.port);
    this.#until = performance.now() + options.seconds * 1_000;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.connections }, () => this.#lane()));
  }

  /** One connection after another until the time is over. */
  async #lane(): Promise<void> {
    while (performance.now() < this.#until) {
      if (!(await this.#connection())) return;
    }
  }

  /** Resolves when the connection is over: true to go on with another one. */
  #connection(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const reader = new ReplyReader();
    const isNew = this.#options.workload.connection === 'new';
    let sentAt = performance.now();
    let id = 0;
    let isWaiting = true;
    const socket: Socket = connect({ port: this.#options.port, host: '127.0.0.1', noDelay: true });
    const end = (reason: string | undefined) => {
      if (isWaiting && reason !== undefined) this.#fail(reason);
      isWaiting = false;
      socket.destroy();
      resolve(reason === undefined);
    };
    const send = () => {
      id = (this.#next++ % this.#requests.length) + 1;
      const request = this.#requests[id - 1];
      if (request === undefined) return end('no request');
      // A new connection is part of what is measured.
      if (!isNew) sentAt = performance.now();
      isWaiting = true;
      socket.write(request);
    };
    socket.once('connect', send);
    socket.on('data', (chunk: Buffer) => {
      const reply = reader.push(chunk);
      if (reply === undefined) return;
      const now = performance.now();
      isWaiting = false;
      this.#check(reply, id, now - sentAt);
      if (now >= this.#until || isNew || reply.closes) end(undefined);
      else send();
    });
    socket.setTimeout(stuckMs, () => end('no answer in time'));
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end(isWaiting ? 'closed' : undefined));
    return promise;
  }

  #check({ status, body }: HttpReply, id: number, elapsedMs: number): void {
    const { expect, status: wanted, progress } = this.#options.workload;
    const isGood =
      status === wanted &&
      body.includes(expect) &&
      (wanted !== 200 || body.includes(`"id":${id}`)) &&
      (progress === 0 || body.split('notifications/progress').length - 1 === progress);
    if (isGood) this.times.push(elapsedMs);
    else this.#fail(`${status} ${body.slice(0, 300)}`);
  }

  #fail(what: string): void {
    this.failed += 1;
    this.sample ??= what;
  }
}

import type { Telemetry } from '../telemetry.ts';
import type { HttpChannel } from './http-channel.ts';

export interface StreamTimings {
  /** A stream that was silent for so long says something; proxies and clients give up from 15 s on. */
  idleMs: number;
  /** A long call whose client follows no progress becomes a stream after this. */
  lazyOpenMs: number;
  /** A client that reads nothing of what waits for it is cut after this. */
  stallMs: number;
  tickMs: number;
}

export const defaultTimings: StreamTimings = {
  idleMs: 10_000,
  lazyOpenMs: 8_000,
  stallMs: 30_000,
  tickMs: 1_000,
};

/** The answers of this process that take long, with one timer for all. */
export class OpenStreams {
  readonly timings: StreamTimings;
  readonly #channels = new Set<HttpChannel>();
  readonly #telemetry: Telemetry;
  readonly #timer: NodeJS.Timeout;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(telemetry: Telemetry, timings: StreamTimings = defaultTimings) {
    this.#telemetry = telemetry;
    this.timings = timings;
    this.#timer = setInterval(() => {
      const now = this.now();
      for (const channel of this.#channels) channel.tick(now);
    }, timings.tickMs);
    this.#timer.unref();
  }

  /** Sent with every answer; during a drain it asks clients to connect to somebody else. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.#headers;
  }

  now(): number {
    return performance.now();
  }

  add(channel: HttpChannel): void {
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    this.#telemetry.waitOpened();
  }

  delete(channel: HttpChannel): void {
    if (this.#channels.delete(channel)) this.#telemetry.waitClosed();
  }

  cut(destroy: () => void): void {
    this.#telemetry.slowReaderCut();
    destroy();
  }

  refuseNewConnections(): void {
    this.#headers = { connection: 'close' };
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

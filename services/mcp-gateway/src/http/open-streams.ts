import { type Member, Roster } from '@inferry/mcp';
import type { Telemetry } from '../telemetry.ts';

export interface StreamTimings {
  /**
   * What is sent within this time leaves as one piece, and with the answer when that comes meanwhile: a burst of progress
   * costs one write instead of a write for each, and nobody sees the difference. The answer itself waits for nothing.
   */
  gatherMs: number;
  /** A stream that was silent for so long says something; proxies and clients give up from 15 s on. */
  idleMs: number;
  /** A long call whose client follows no progress becomes a stream after this. */
  lazyOpenMs: number;
  /** A client that reads nothing of what waits for it is cut after this. */
  stallMs: number;
  /** A stream whose rest can be fetched by another connection ends after this, before somebody on the way cuts it. */
  maxAgeMs: number;
  tickMs: number;
}

export const defaultTimings: StreamTimings = {
  gatherMs: 5,
  idleMs: 10_000,
  lazyOpenMs: 8_000,
  stallMs: 30_000,
  maxAgeMs: Number.POSITIVE_INFINITY,
  tickMs: 1_000,
};

/** An answer that takes long. */
export interface LongAnswer extends Member {
  tick(now: number): void;
}

/** A tick looks at a part of the answers, so that thousands of keep-alives never hold up what came in meanwhile. */
const partsOfTick = 10;

/** The answers of this process that take long, with one timer for all. */
export class OpenStreams {
  readonly timings: StreamTimings;
  readonly #answers = new Roster<LongAnswer>();
  /** Where the next look begins. */
  #next = -1;
  readonly #telemetry: Telemetry;
  readonly #timer: NodeJS.Timeout;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(telemetry: Telemetry, timings: StreamTimings = defaultTimings) {
    this.#telemetry = telemetry;
    this.timings = timings;
    this.#timer = setInterval(() => this.#look(), Math.max(1, timings.tickMs / partsOfTick));
    this.#timer.unref();
  }

  /** Sent with every answer; during a drain it asks clients to connect to somebody else. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.#headers;
  }

  now(): number {
    return performance.now();
  }

  add(answer: LongAnswer): void {
    if (answer.place >= 0) return;
    this.#answers.add(answer);
    this.#telemetry.waitOpened();
  }

  delete(answer: LongAnswer): void {
    if (this.#answers.delete(answer)) this.#telemetry.waitClosed();
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

  /** Goes on where the last look ended, from the newest answer to the oldest. */
  #look(): void {
    const now = this.now();
    const last = this.#answers.size - 1;
    this.#next = this.#next < 0 ? last : Math.min(this.#next, last);
    for (let left = Math.ceil(this.#answers.size / partsOfTick); left > 0 && this.#next >= 0; left -= 1) {
      this.#answers.at(this.#next)?.tick(now);
      this.#next -= 1;
    }
  }
}

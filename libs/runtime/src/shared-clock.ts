import { uptime } from 'node:os';
import type { Logger } from 'pino';

/** One moment, as the store and the clocks of this machine tell it. */
interface Sample {
  store: number;
  monotonic: number;
  wall: number;
  /** Since the machine was started, its sleep included: nobody can set it. */
  running: number;
  roundTripMs: number;
}

const syncEveryMs = 5_000;
const retryEveryMs = 500;
/** A better sample is kept for so long: a slow answer says less of the time than an older quick one. */
const keepSampleMs = 60_000;
/** The monotonic clock stands still while a machine sleeps, and the others do not. */
const sleepWorthTellingMs = 1_000;

/**
 * The time by the clock of a store that all replicas share, carried on between two questions by this machine's monotonic
 * clock: a point in time means the same to every process, whatever its own clock says.
 */
export class SharedClock {
  readonly #readTime: () => Promise<number>;
  readonly #log: Pick<Logger, 'debug'>;
  readonly #first = Promise.withResolvers<void>();
  #sample: Sample | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `readTime` asks the store for epoch milliseconds. */
  constructor({ readTime, log }: { readTime(): Promise<number>; log: Pick<Logger, 'debug'> }) {
    this.#readTime = readTime;
    this.#log = log;
  }

  /** Asks now and from then on. Rejects never: while the store is away, what was known last is carried on. */
  async start(): Promise<void> {
    await this.#sync();
    const isKnown = this.#sample !== undefined;
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.start(), isKnown ? syncEveryMs : retryEveryMs);
    this.#timer.unref();
  }

  /** Resolves when the store has told its time once: before that, nothing may be leased by ours. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  /** Whether the store has told it. */
  get isKnown(): boolean {
    return this.#sample !== undefined;
  }

  now(): number {
    if (this.#sample === undefined) return Date.now();
    return Math.round(this.#sample.store + (performance.now() - this.#sample.monotonic));
  }

  /** How long this machine may have been asleep since the store was asked: by so much `now` may be late. */
  sleptMs(): number {
    if (this.#sample === undefined) return 0;
    const { monotonic, wall, running } = this.#sample;
    // Either may be wrong: the wall clock was set back meanwhile, or a platform does not count its sleep.
    const passedMs = Math.max(Date.now() - wall, runningMs() - running);
    const differenceMs = passedMs - (performance.now() - monotonic);
    return differenceMs > sleepWorthTellingMs ? differenceMs : 0;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#first.resolve();
  }

  async #sync(): Promise<void> {
    try {
      const before = performance.now();
      const store = await this.#readTime();
      const monotonic = performance.now();
      const roundTripMs = monotonic - before;
      const own = { monotonic, wall: Date.now(), running: runningMs(), roundTripMs };
      const sample = { store: store + roundTripMs / 2, ...own };
      if (this.#isBetter(sample)) this.#sample = sample;
      this.#first.resolve();
    } catch (error) {
      this.#log.debug({ err: error }, 'the shared time could not be read');
    }
  }

  #isBetter({ monotonic, roundTripMs }: Sample): boolean {
    const known = this.#sample;
    if (known === undefined || this.sleptMs() > 0) return true;
    return roundTripMs <= known.roundTripMs * 2 + 20 || monotonic - known.monotonic > keepSampleMs;
  }
}

function runningMs(): number {
  return uptime() * 1_000;
}

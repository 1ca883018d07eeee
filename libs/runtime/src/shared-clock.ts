import { uptime } from 'node:os';
import type { Logger } from 'pino';

/** One moment, as the clocks of this machine tell it. */
interface Moment {
  monotonic: number;
  wall: number;
  /** Since the machine was started, its sleep included: nobody can set it. */
  running: number;
}

/** The same, as the store tells it. */
interface Sample extends Moment {
  store: number;
  roundTripMs: number;
}

const syncEveryMs = 5_000;
const retryEveryMs = 500;
/** When the store said it is not known of an answer that took longer. */
const longestRoundTripMs = 2_000;
/** A better sample is kept for so long: a slow answer says less of the time than an older quick one. */
const keepSampleMs = 60_000;
/** The monotonic clock stands still while a machine sleeps, and the others do not; some count in whole seconds. */
const sleepWorthTellingMs = 1_000;

/**
 * The time by the clock of a store that all replicas share, carried on between two questions by this machine's monotonic
 * clock: a point in time means the same to every process, whatever its own clock says. After a sleep of the machine it is not
 * known until the store was asked again.
 */
export class SharedClock {
  readonly #readTime: () => Promise<number>;
  readonly #log: Pick<Logger, 'debug'>;
  #sample: Sample | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the store is being asked, or is soon. */
  #isSeeking = true;
  #known: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  /** `readTime` asks the store for epoch milliseconds. */
  constructor({ readTime, log }: { readTime(): Promise<number>; log: Pick<Logger, 'debug'> }) {
    this.#readTime = readTime;
    this.#log = log;
  }

  /** Asks now and from then on. Rejects never: while the store is away, what was known last is carried on. */
  async start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#isSeeking = true;
    await this.#ask();
    const { isKnown } = this;
    this.#isSeeking = !isKnown;
    if (isKnown) this.#tellWaiters();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.start(), isKnown ? syncEveryMs : retryEveryMs);
    this.#timer.unref();
  }

  /** Resolves when the time is known: before that, nothing may be leased by ours. */
  get ready(): Promise<void> {
    if (this.isKnown || this.#isClosed) return Promise.resolve();
    this.#askSoon();
    this.#known ??= Promise.withResolvers();
    return this.#known.promise;
  }

  /** Whether the store has told it, and the machine was not asleep since. */
  get isKnown(): boolean {
    return this.#sample !== undefined && this.sleptMs() === 0;
  }

  now(): number {
    if (this.#sample === undefined) return Date.now();
    const { store, monotonic } = this.#sample;
    if (this.#isShifted(this.#sample)) this.#askSoon();
    return Math.round(store + (performance.now() - monotonic));
  }

  /** How long this machine may have been asleep since the store was asked: by so much `now` may be late. */
  sleptMs(): number {
    return this.#sample === undefined ? 0 : sleptBetween(this.#sample, readClocks());
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#tellWaiters();
  }

  #askSoon(): void {
    if (!this.#isSeeking && !this.#isClosed) void this.start();
  }

  #tellWaiters(): void {
    this.#known?.resolve();
    this.#known = undefined;
  }

  async #ask(): Promise<void> {
    try {
      const before = readClocks();
      const store = await this.#readSoon();
      const after = readClocks();
      // The answer may be as old as the sleep was long.
      if (sleptBetween(before, after) > 0) return await this.#ask();
      const roundTripMs = after.monotonic - before.monotonic;
      if (roundTripMs > longestRoundTripMs) throw late();
      const sample = { ...after, store: store + roundTripMs / 2, roundTripMs };
      if (this.#isBetter(sample)) this.#sample = sample;
    } catch (error) {
      this.#log.debug({ err: error }, 'the shared time could not be read');
    }
  }

  #readSoon(): Promise<number> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(late()), longestRoundTripMs);
    timer.unref();
    return Promise.race([this.#readTime(), promise]).finally(() => clearTimeout(timer));
  }

  #isBetter({ monotonic, roundTripMs }: Sample): boolean {
    const known = this.#sample;
    if (known === undefined || this.#isShifted(known) || this.sleptMs() > 0) return true;
    return roundTripMs <= known.roundTripMs * 2 + 20 || monotonic - known.monotonic > keepSampleMs;
  }

  /** A cheap look: the wall clock was set, or went on while the other stood still. */
  #isShifted({ monotonic, wall }: Moment): boolean {
    return Math.abs(Date.now() - wall - (performance.now() - monotonic)) > sleepWorthTellingMs;
  }
}

function late(): Error {
  return new Error('the store took too long to tell its time');
}

function readClocks(): Moment {
  return { monotonic: performance.now(), wall: Date.now(), running: uptime() * 1_000 };
}

/** Either clock may be wrong: the wall clock was set back meanwhile, or a platform does not count its sleep. */
function sleptBetween(before: Moment, after: Moment): number {
  const passedMs = Math.max(after.wall - before.wall, after.running - before.running);
  const differenceMs = passedMs - (after.monotonic - before.monotonic);
  return differenceMs > sleepWorthTellingMs ? differenceMs : 0;
}

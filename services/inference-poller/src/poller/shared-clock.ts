import { type Database, readDatabaseTime } from '@inferry/database';
import type { Parts } from '@inferry/runtime';

/** One moment, as the database and the two clocks of this machine tell it. */
interface Sample {
  database: number;
  monotonic: number;
  wall: number;
  roundTripMs: number;
}

const syncEveryMs = 5_000;
const retryEveryMs = 500;
/** A better sample is kept for so long: a slow answer says less of the time than an older quick one. */
const keepSampleMs = 60_000;
/** The monotonic clock stands still while a machine sleeps, and the other one does not. */
const sleepWorthTellingMs = 1_000;

/**
 * The time by the database's clock, carried on between two questions by this machine's monotonic clock: what stands in rows
 * (leases, deadlines, times of submits) means the same to every replica, whatever its own clock says.
 */
export class SharedClock {
  readonly #database: Database;
  readonly #log: Parts['log'];
  readonly #first = Promise.withResolvers<void>();
  #sample: Sample | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ database, log }: Pick<Parts, 'database' | 'log'>) {
    this.#database = database;
    this.#log = log;
  }

  /** Asks now and from then on. Rejects never: while the database is away, what was known last is carried on. */
  async start(): Promise<void> {
    await this.#sync();
    const isKnown = this.#sample !== undefined;
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.start(), isKnown ? syncEveryMs : retryEveryMs);
    this.#timer.unref();
  }

  /** Resolves when the database has told its time once: before that, nothing may be leased by ours. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  now(): number {
    if (this.#sample === undefined) return Date.now();
    return Math.round(this.#sample.database + (performance.now() - this.#sample.monotonic));
  }

  /** How long this machine may have been asleep since the database was asked: by so much `now` may be late. */
  sleptMs(): number {
    if (this.#sample === undefined) return 0;
    const { monotonic, wall } = this.#sample;
    const differenceMs = Date.now() - wall - (performance.now() - monotonic);
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
      const database = await readDatabaseTime(this.#database);
      const monotonic = performance.now();
      const roundTripMs = monotonic - before;
      const sample = { database: database + roundTripMs / 2, monotonic, wall: Date.now(), roundTripMs };
      if (this.#isBetter(sample)) this.#sample = sample;
      this.#first.resolve();
    } catch (error) {
      this.#log.debug({ err: error }, 'the time of the database could not be read');
    }
  }

  #isBetter({ monotonic, roundTripMs }: Sample): boolean {
    const known = this.#sample;
    if (known === undefined || this.sleptMs() > 0) return true;
    return roundTripMs <= known.roundTripMs * 2 + 20 || monotonic - known.monotonic > keepSampleMs;
  }
}

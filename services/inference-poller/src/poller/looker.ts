/** When a replica looks for due work: woken by events and by the time of what it knows, else on a slow timer. */
import { jittered } from '../timings.ts';

export interface Look {
  /** Whether there may be more to take now. */
  isMore: boolean;
  /** The shortest time to the next look, where this one was dear. */
  spacingMs?: number;
}

interface LookerOptions {
  look(): Promise<Look>;
  onError(error: unknown): void;
  now(): number;
  random(): number;
  /** The longest time between two looks. */
  tickMs: number;
}

/** So many looks in one are one: with several due a second, each look finds a handful. */
const defaultSpacingMs = 20;
/** Times that are so close together are one. */
const grainMs = 50;

export class Looker {
  readonly #options: LookerOptions;
  readonly #dueTimes = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #notBefore = 0;
  #isLooking = false;
  #isWanted = false;
  #isStopped = false;

  constructor(options: LookerOptions) {
    this.#options = options;
  }

  /** Looks now, or as soon as the look before is long enough ago. */
  wake(): void {
    if (this.#isStopped) return;
    if (this.#isLooking) this.#isWanted = true;
    else this.#schedule(this.#options.now());
  }

  /** Looks at that time as well. */
  wakeAt(at: number): void {
    if (this.#isStopped) return;
    const due = Math.ceil(at / grainMs) * grainMs;
    this.#dueTimes.add(due);
    if (!this.#isLooking) this.#schedule(due);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(at: number): void {
    const { now } = this.#options;
    const time = Math.max(at, this.#notBefore);
    if (time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, time - now()));
  }

  async #look(): Promise<void> {
    const { look, onError, now, random, tickMs } = this.#options;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#isLooking = true;
    this.#isWanted = false;
    const startedAt = now();
    for (const due of this.#dueTimes) if (due <= startedAt) this.#dueTimes.delete(due);
    let found: Look = { isMore: false };
    try {
      found = await look();
    } catch (error) {
      onError(error);
    }
    this.#isLooking = false;
    if (this.#isStopped) return;
    this.#notBefore = startedAt + (found.spacingMs ?? defaultSpacingMs);
    const isSoon = this.#isWanted || found.isMore;
    this.#schedule(isSoon ? this.#notBefore : Math.min(this.#nextDue(), now() + jittered(tickMs, random)));
  }

  #nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const due of this.#dueTimes) if (due < next) next = due;
    return next;
  }
}

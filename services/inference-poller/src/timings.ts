/** How long everything may take and how often it is tried again, the waits in between, and when due work is looked for. */

import { setTimeout as wait } from 'node:timers/promises';
import type { HandlerContext } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { Provider } from '@inferry/providers';

/** How often a remote job is polled, by the time since its submit (RF-24 to RF-26). */
interface PollStep {
  /** Up to this age; the last step has none. */
  untilMs: number;
  everyMs: number;
}

export interface Timings {
  /** How long a held run is safe from other replicas without a heartbeat; a dead owner is replaced after it. */
  leaseMs: number;
  renewMs: number;
  /** The longest that due work waits for an event that was lost. */
  tickMs: number;
  /** How often the rows are read again that somebody waits for. */
  rereadMs: number;
  /** A waiter shows a sign of life at least this often. */
  signOfLifeMs: number;
  submitTimeoutMs: number;
  pollTimeoutMs: number;
  storeTimeoutMs: number;
  /** How long `cancel_run` waits for the provider's word. */
  cancelWaitMs: number;
  /** The longest life of a run; `options.ttl_seconds` lowers it. */
  runTtlMs: number;
  /** How long outputs of a paid run are tried to be stored after its deadline. */
  storeGraceMs: number;
  /** A submit this young is not asked about yet: the platform may still be working on it. */
  settleMs: number;
  /**
   * How long after its own deadline a submit may still be taken by a platform that is slow, and out of buffers that go on
   * sending what was given up (a call given up after 30 s was seen to be read at 57 s), and how late a platform's lists may be
   * beyond that. For adapters that know no better.
   */
  submitSettlesMs: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** The shortest time between two writes of a watched job's progress. */
  progressMs: number;
  pollSteps: readonly PollStep[];
  /** Waits before each further attempt of a webhook; twelve attempts in about a day. */
  webhookRetriesMs: readonly number[];
  webhookTimeoutMs: number;
  /** How often what is not urgent is looked after: the trail, what platforms are to delete, webhooks that are tried again. */
  upkeepMs: number;
}

const minute = 60_000;

export const defaultTimings: Timings = {
  leaseMs: 6_000,
  renewMs: 1_500,
  tickMs: 1_000,
  rereadMs: 2_000,
  signOfLifeMs: 8_000,
  submitTimeoutMs: 30_000,
  pollTimeoutMs: 20_000,
  storeTimeoutMs: 5 * minute,
  cancelWaitMs: 5_000,
  runTtlMs: 60 * minute,
  storeGraceMs: 6 * 60 * minute,
  settleMs: 2_000,
  submitSettlesMs: 90_000,
  retryBaseMs: 1_000,
  retryMaxMs: 30_000,
  progressMs: 250,
  pollSteps: [
    { untilMs: 30_000, everyMs: 2_000 },
    { untilMs: 2 * minute, everyMs: 5_000 },
    { untilMs: Number.POSITIVE_INFINITY, everyMs: 10_000 },
  ],
  webhookRetriesMs: [
    ...[5_000, 30_000, 2 * minute, 5 * minute, 15 * minute, 30 * minute],
    ...[60 * minute, 120 * minute, 240 * minute, 480 * minute, 480 * minute],
  ],
  webhookTimeoutMs: 10_000,
  upkeepMs: 5_000,
};

/** A delay shortened or lengthened by up to a tenth, so that replicas and runs do not fall into step. */
export function jittered(delayMs: number, random: () => number): number {
  return Math.round(delayMs * (0.9 + random() * 0.2));
}

/** Doubling waits: the first retry after about `retryBaseMs`, none longer than `retryMaxMs`. */
export function backoffMs(failures: number, timings: Timings, random: () => number): number {
  const doubled = timings.retryBaseMs * 2 ** Math.min(Math.max(failures - 1, 0), 16);
  return jittered(Math.min(doubled, timings.retryMaxMs), random);
}

/** When a job is polled next: as the platform asks, within bounds, else by its age. */
export function pollDelayMs(
  age: { ageMs: number; pollAfterMs: number | undefined },
  timings: Timings,
  random: () => number,
): number {
  if (age.pollAfterMs !== undefined && Number.isFinite(age.pollAfterMs)) {
    return jittered(Math.min(Math.max(age.pollAfterMs, 100), 60_000), random);
  }
  const step = timings.pollSteps.find(({ untilMs }) => age.ageMs < untilMs) ?? timings.pollSteps.at(-1);
  return jittered(step?.everyMs ?? 10_000, random);
}

/**
 * When the last submit can no longer be taken and would be listed if it had been: its own deadline, what a platform and the
 * buffers before it may take beyond that, and how late its lists are. All by the database's clock.
 */
export function certainAt(
  { timings }: { timings: Timings },
  { submitted_at: submittedAt, created_at: createdAt }: Pick<RunRow, 'submitted_at' | 'created_at'>,
  { capabilities }: Pick<Provider, 'capabilities'>,
): number {
  const { submitSettlesMs = timings.submitSettlesMs } = capabilities;
  return (submittedAt ?? createdAt) + timings.submitTimeoutMs + submitSettlesMs;
}

interface Clock {
  isClockKnown(): boolean;
  clockReady(): Promise<void>;
}

/** How long a call waits for the time of the store. */
const timeMs = 1_500;

/** Where the store has not told its time yet, a call waits for that: what this machine calls now may be hours off. */
export function inKnownTime<Input, Reply>(
  clock: Clock,
  handle: (input: Input, context: HandlerContext) => Promise<Reply>,
): (input: Input, context: HandlerContext) => Promise<Reply> {
  return async (input, context) => {
    await knowTime(clock);
    return handle(input, context);
  };
}

export async function knowTime(clock: Clock): Promise<void> {
  if (clock.isClockKnown()) return;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError('unavailable', 'The database does not answer.')),
    timeMs,
  );
  await Promise.race([clock.clockReady(), late]).finally(() => clearTimeout(timer));
}

/** Waits, or ends sooner when a signal fires; it never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

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

/** When a replica looks for due work: woken by events and by the time of what it knows, else on a slow timer. */
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

import { randomUUID } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import type { Limits, WindowHit, WindowVerdict } from './limits.ts';
import { SlidingWindow } from './sliding-window.ts';

export interface InProcessLimitsOptions {
  /** Epoch milliseconds. */
  now?: () => number;
  /** Windows and locks that are held at once; past it the oldest window is forgotten. Default 100,000. */
  maxKeys?: number;
}

/** `Limits` for one process: nothing is shared and nothing outlives it. */
export function createInProcessLimits(
  options: InProcessLimitsOptions = {},
): Limits & { readonly size: number } {
  return new InProcessLimits(options.now ?? Date.now, options.maxKeys ?? 100_000);
}

interface Lock {
  token: string;
  endsAt: number;
}

interface Note {
  text: string;
  endsAt: number;
}

interface Tally {
  window: SlidingWindow;
  time: number;
  added: number;
}

class InProcessLimits implements Limits {
  readonly #now: () => number;
  readonly #maxKeys: number;
  readonly #windows = new Map<string, SlidingWindow>();
  readonly #locks = new Map<string, Lock>();
  readonly #notes = new Map<string, Note>();
  #windowCursor = this.#windows.entries();

  constructor(now: () => number, maxKeys: number) {
    this.#now = now;
    this.#maxKeys = maxKeys;
  }

  /** Windows, locks and notes held in memory. */
  get size(): number {
    return this.#windows.size + this.#locks.size + this.#notes.size;
  }

  async hit(hit: WindowHit): Promise<WindowVerdict> {
    return this.#count([hit])[0] ?? neverReached();
  }

  async hitAll(hits: readonly WindowHit[]): Promise<WindowVerdict[]> {
    return this.#count(hits);
  }

  async acquire(key: string, ttlMs: number): Promise<string | undefined> {
    const now = this.#now();
    const held = this.#locks.get(key);
    if (held !== undefined && held.endsAt > now) return undefined;
    this.#locks.delete(key);
    if (this.#locks.size >= this.#maxKeys) this.#dropEndedLocks(now);
    if (this.#locks.size >= this.#maxKeys) {
      throw new AppError('busy', 'Too many locks are held.', { retryAfterSeconds: 1 });
    }
    const token = randomUUID();
    this.#locks.set(key, { token, endsAt: now + ttlMs });
    return token;
  }

  async release(key: string, token: string): Promise<boolean> {
    const held = this.#locks.get(key);
    if (held?.token !== token) return false;
    this.#locks.delete(key);
    return held.endsAt > this.#now();
  }

  async note(key: string, text: string, ttlMs: number): Promise<void> {
    this.#notes.delete(key);
    if (this.#notes.size >= this.#maxKeys) dropOldest(this.#notes, this.#now());
    this.#notes.set(key, { text, endsAt: this.#now() + ttlMs });
  }

  async readNote(key: string): Promise<string | undefined> {
    const note = this.#notes.get(key);
    return note !== undefined && note.endsAt > this.#now() ? note.text : undefined;
  }

  async dropNote(key: string): Promise<void> {
    this.#notes.delete(key);
  }

  async ping(): Promise<void> {
    // Memory always answers.
  }

  async close(): Promise<void> {
    this.#windows.clear();
    this.#locks.clear();
    this.#notes.clear();
  }

  #count(hits: readonly WindowHit[]): WindowVerdict[] {
    const now = this.#now();
    this.#dropSomeEmpty(now);
    const tallies = hits.map((hit) => ({ hit, tally: this.#tallyOf(hit, now) }));
    const unique = new Map<SlidingWindow, Tally>();
    const drafts = tallies.map(({ hit, tally }) => {
      const shared = unique.get(tally.window) ?? tally;
      unique.set(tally.window, shared);
      return draftVerdict(hit, shared);
    });
    const isCounted = drafts.every((verdict) => verdict.isAllowed);
    if (isCounted) {
      for (const { window, time, added } of unique.values()) if (added > 0) window.add(time, added);
    }
    return drafts.map((verdict, index) => {
      const { hit, tally } = tallies[index] ?? neverReached();
      const remaining = isCounted ? verdict.remaining : Math.max(0, hit.rule.limit - tally.window.used);
      return { ...verdict, remaining, resetMs: tally.window.resetInMs(tally.time) };
    });
  }

  #tallyOf({ key, rule }: WindowHit, now: number): Tally {
    const name = `${rule.windowMs}:${key}`;
    let window = this.#windows.get(name);
    if (window === undefined) {
      window = new SlidingWindow(rule.windowMs);
      if (this.#windows.size >= this.#maxKeys) this.#dropOldest();
      this.#windows.set(name, window);
    }
    return { window, time: window.advance(now), added: 0 };
  }

  /** Every hit looks at two other windows, so that what nobody asks for any more goes without a timer. */
  #dropSomeEmpty(now: number): void {
    for (let looks = 0; looks < 2; looks += 1) {
      const next = this.#windowCursor.next();
      if (next.done) {
        this.#windowCursor = this.#windows.entries();
        return;
      }
      const [name, window] = next.value;
      window.advance(now);
      if (window.used === 0) this.#windows.delete(name);
    }
  }

  #dropOldest(): void {
    const oldest = this.#windows.keys().next();
    if (!oldest.done) this.#windows.delete(oldest.value);
  }

  #dropEndedLocks(now: number): void {
    for (const [key, { endsAt }] of this.#locks) if (endsAt <= now) this.#locks.delete(key);
  }
}

/** The verdict on one hit after those before it in the same call; its weight is added to the tally. */
function draftVerdict({ rule, cost = 1 }: WindowHit, tally: Tally): WindowVerdict {
  const weight = Math.max(1, cost);
  const used = tally.window.used + tally.added;
  const excess = used + weight - rule.limit;
  if (excess > 0) {
    const retryAfterMs = weight > rule.limit ? rule.windowMs : tally.window.freeInMs(tally.time, excess);
    return { isAllowed: false, remaining: 0, retryAfterMs, resetMs: 0 };
  }
  tally.added += cost;
  return { isAllowed: true, remaining: rule.limit - used - cost, retryAfterMs: 0, resetMs: 0 };
}

function neverReached(): never {
  throw new AppError('internal', 'a hit without a verdict');
}

/** The notes that have ended, or the one that was written first. */
function dropOldest(notes: Map<string, Note>, now: number): void {
  const { size } = notes;
  for (const [key, { endsAt }] of notes) if (endsAt <= now) notes.delete(key);
  const [oldest] = notes.keys();
  if (notes.size === size && oldest !== undefined) notes.delete(oldest);
}

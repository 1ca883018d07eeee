import { AppError } from '@inferry/contracts';
import { unavailable } from './failures.ts';

interface Waiter {
  grant(): void;
}

export interface WriteLockOptions {
  waitMs: number;
  maxWaiting: number;
}

/** A first-come-first-served lock for the one writing connection of a SQLite file. */
export class WriteLock {
  readonly #waiting = new Set<Waiter>();
  readonly #options: WriteLockOptions;
  #isHeld = false;

  constructor(options: WriteLockOptions) {
    this.#options = options;
  }

  /** Resolves with the function that frees the lock; rejects with `unavailable` when its turn does not come. */
  async acquire(): Promise<() => void> {
    if (this.#isHeld) await this.#wait();
    this.#isHeld = true;
    let isFreed = false;
    return () => {
      if (isFreed) return;
      isFreed = true;
      this.#passOn();
    };
  }

  #wait(): Promise<void> {
    if (this.#waiting.size >= this.#options.maxWaiting) {
      throw new AppError('busy', 'Too many writes wait for the database.', { retryAfterSeconds: 1 });
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grant: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(unavailable('The database is busy with another transaction.'));
      }, this.#options.waitMs);
      this.#waiting.add(waiter);
    });
  }

  #passOn(): void {
    const [next] = this.#waiting;
    // The lock stays held between two owners, so that nobody who comes now overtakes the one who waited.
    this.#isHeld = next !== undefined;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.grant();
  }
}

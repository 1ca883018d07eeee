import { AppError } from '@inferry/contracts';

/** The transfers in hand: bounded, and known when this process stops. */
export class Transfers {
  readonly #maxAtOnce: number;
  readonly #active = new Set<AbortController>();
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(maxAtOnce: number) {
    this.#maxAtOnce = maxAtOnce;
  }

  /** Runs one transfer; its signal is aborted when time for stopping is over. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#isClosed || this.#active.size >= this.#maxAtOnce) {
      throw new AppError('busy', 'Too many transfers at once.', {
        retryAfterSeconds: 2,
        nextAction: 'Send the same request again in a few seconds.',
      });
    }
    const abort = new AbortController();
    this.#active.add(abort);
    try {
      return await work(abort.signal);
    } finally {
      this.#active.delete(abort);
      if (this.#active.size === 0) this.#whenIdle?.();
    }
  }

  /** Takes no more, waits for those in hand, then cuts what is left. */
  async drain(graceMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#active.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenIdle = resolve;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
    for (const abort of this.#active) abort.abort();
  }
}

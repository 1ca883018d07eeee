import type { JobView } from '@inferry/providers';

/** The latest view of a watched job: a slow reader skips what is out of date. */
export class ViewMailbox {
  #view: JobView | undefined;
  #isWoken = false;
  #wake: (() => void) | undefined;

  put(view: JobView): void {
    this.#view = view;
    this.wake();
  }

  take(): JobView | undefined {
    const view = this.#view;
    this.#view = undefined;
    return view;
  }

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#isWoken && this.#view === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#wake = undefined;
    this.#isWoken = false;
  }
}

import { AppError } from '@inferry/contracts';

/** Lets so many in at once; so many more may wait. Pictures are decoded one at a time: each may need 100s of MB. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  readonly #maxWaiting: number;
  #free: number;

  constructor({ atOnce, waiting }: { atOnce: number; waiting: number }) {
    this.#free = atOnce;
    this.#maxWaiting = waiting;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new AppError('busy', 'Too many pictures are being prepared.', { retryAfterSeconds: 3 });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

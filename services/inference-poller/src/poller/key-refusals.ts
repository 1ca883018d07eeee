import { Recent } from '@inferry/contracts';

/** Refusals of a key in a row, over all runs of this process. */
export class KeyRefusals {
  /** The connections whose key was refused when it was used last. */
  readonly #refused = new Recent<true>(10_000);

  /** True for the second one in a row: once may be a mistake of the platform's. */
  isSecond(connectionId: string): boolean {
    const isSecond = this.#refused.get(connectionId) === true;
    if (isSecond) this.#refused.delete(connectionId);
    else this.#refused.set(connectionId, true);
    return isSecond;
  }

  accepted(connectionId: string): void {
    this.#refused.delete(connectionId);
  }
}

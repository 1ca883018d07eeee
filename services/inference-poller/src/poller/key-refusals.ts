/** Refusals of a key in a row, over all runs of this process. */
export class KeyRefusals {
  readonly #counts = new Map<string, number>();
  readonly #limit = 10_000;

  /** True for the second one in a row: once may be a mistake of the platform's. */
  isSecond(connectionId: string): boolean {
    const count = (this.#counts.get(connectionId) ?? 0) + 1;
    this.#counts.delete(connectionId);
    if (count >= 2) return true;
    this.#counts.set(connectionId, count);
    const oldest = this.#counts.keys().next();
    if (this.#counts.size > this.#limit && !oldest.done) this.#counts.delete(oldest.value);
    return false;
  }

  accepted(connectionId: string): void {
    this.#counts.delete(connectionId);
  }
}

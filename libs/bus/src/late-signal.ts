/**
 * Something that can happen once, whose `AbortSignal` is made when somebody asks for it. Every call has some of these
 * and hardly any is looked at, while a signal is dear to make and to collect.
 */
export class LateSignal {
  #controller: AbortController | undefined;
  #isRaised = false;
  #reason: unknown;

  get isRaised(): boolean {
    return this.#isRaised;
  }

  /** Aborted with the reason of the first `raise`, before or after it was asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isRaised) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  raise(reason?: unknown): void {
    if (this.#isRaised) return;
    this.#isRaised = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

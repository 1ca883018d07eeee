/** How a call ends from outside, and the signal of it for those who cannot take less. */

/** What a call does when its caller changes its mind. */
export interface Interruptible {
  /** Ends it: nobody waits for the answer any more. */
  cancel(): void;
  /** Answers now with what there is. */
  finish(): void;
}

/**
 * How whoever asked for calls may interrupt them. Every call through a gateway has one, and hardly any uses it: two
 * `AbortSignal`s with their listeners would cost a tenth of a quick call.
 */
export class CallLife implements Interruptible {
  #calls: Interruptible[] = [];
  #isCancelled = false;
  #isFinishing = false;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get isFinishing(): boolean {
    return this.#isFinishing;
  }

  /** For tests that nothing is left behind. */
  get openCalls(): number {
    return this.#calls.length;
  }

  /** Until it is detached; a call that comes too late is told by the two properties above. */
  attach(call: Interruptible): void {
    this.#calls.push(call);
  }

  detach(call: Interruptible): void {
    const index = this.#calls.indexOf(call);
    if (index >= 0) this.#calls.splice(index, 1);
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    for (const call of [...this.#calls]) call.cancel();
  }

  finish(): void {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    for (const call of [...this.#calls]) call.finish();
  }
}

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

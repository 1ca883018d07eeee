import type { StopReason } from '../mcp/exchange.ts';

/** The answer to one request, as far as its end is concerned. */
export interface OpenCall {
  /** Asks for the answer with what there is. */
  hurry(): void;
  stop(reason: StopReason): void;
}

/** The requests that this process is answering: bounded, and waited for when it stops. */
export class OpenCalls {
  /** With the grant that each came in by. */
  readonly #calls = new Map<OpenCall, string>();
  readonly #limit: number;
  #isDraining = false;
  #whenIdle: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#calls.size >= this.#limit;
  }

  get size(): number {
    return this.#calls.size;
  }

  add(call: OpenCall, grantId: string): void {
    this.#calls.set(call, grantId);
    if (this.#isDraining) call.hurry();
  }

  delete(call: OpenCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#whenIdle?.();
  }

  /** Ends what a credential left open: revoking it is to have an effect now, not when a wait is over. */
  revoke(grantId: string): void {
    for (const [call, grant] of this.#calls) if (grant === grantId) call.stop('revoked');
  }

  /**
   * Asks every wait for its answer with what there is and lets calls finish; what is still open `handOverMs` before
   * the end is handed back to its client.
   */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    for (const call of this.#calls.keys()) call.hurry();
    const handOverMs = Math.min(2_000, graceMs / 2);
    await this.#idle(graceMs - handOverMs);
    for (const call of this.#calls.keys()) call.stop('handed_over');
    await this.#idle(handOverMs);
  }

  async #idle(timeoutMs: number): Promise<void> {
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#whenIdle = resolve;
    await promise;
    clearTimeout(timer);
  }
}

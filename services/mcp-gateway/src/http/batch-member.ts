import type { Channel, StopReason } from '../mcp/exchange.ts';

/** One request of a batch: it shares the answer with the others, so it has no stream of its own. */
export class BatchMember implements Channel {
  readonly canStream = false;
  readonly #stop = new AbortController();
  readonly #whole: Channel;

  constructor(whole: Channel) {
    this.#whole = whole;
    if (whole.signal.aborted) this.#stop.abort(whole.signal.reason);
    whole.signal.addEventListener('abort', () => this.#stop.abort(whole.signal.reason), {
      once: true,
      signal: this.#stop.signal,
    });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get finishing(): AbortSignal {
    return this.#whole.finishing;
  }

  stop(reason: StopReason): void {
    this.#stop.abort(reason);
  }

  open(): void {}

  expectWait(): void {}

  notify(): boolean {
    return false;
  }

  onIdle(): void {}
}

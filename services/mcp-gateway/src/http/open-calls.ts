import type { Channel } from '../mcp/exchange.ts';

/** The requests that this process is answering: bounded, and waited for when it stops. */
export class OpenCalls {
  readonly #channels = new Set<Channel>();
  readonly #limit: number;
  #whenIdle: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#channels.size >= this.#limit;
  }

  get size(): number {
    return this.#channels.size;
  }

  add(channel: Channel): void {
    this.#channels.add(channel);
  }

  delete(channel: Channel): void {
    this.#channels.delete(channel);
    if (this.#channels.size === 0) this.#whenIdle?.();
  }

  /** Lets calls finish; what is still open `handOverMs` before the end is handed back to its client. */
  async drain(graceMs: number): Promise<void> {
    const handOverMs = Math.min(2_000, graceMs / 2);
    await this.#idle(graceMs - handOverMs);
    for (const channel of this.#channels) channel.stop('handed_over');
    await this.#idle(handOverMs);
  }

  async #idle(timeoutMs: number): Promise<void> {
    if (this.#channels.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#whenIdle = resolve;
    await promise;
    clearTimeout(timer);
  }
}

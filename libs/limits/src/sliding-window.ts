/** The counted hits of one key: at most `limit` entries, since hits of the same millisecond share one. */
export class SlidingWindow {
  readonly #windowMs: number;
  readonly #entries: { at: number; cost: number }[] = [];
  #head = 0;
  #used = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get used(): number {
    return this.#used;
  }

  /** Forgets what is older than the window; returns the time to count at, which never goes back. */
  advance(now: number): number {
    const time = Math.max(now, this.#entries.at(-1)?.at ?? 0);
    for (let entry = this.#oldest; entry !== undefined; entry = this.#oldest) {
      if (entry.at + this.#windowMs > time) break;
      this.#used -= entry.cost;
      this.#head += 1;
    }
    if (this.#head > 32 && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    if (this.#used === 0) {
      this.#entries.length = 0;
      this.#head = 0;
    }
    return time;
  }

  add(time: number, cost: number): void {
    const last = this.#entries.at(-1);
    if (last?.at === time) last.cost += cost;
    else this.#entries.push({ at: time, cost });
    this.#used += cost;
  }

  /** Until so much of what is counted has left the window. */
  freeInMs(time: number, amount: number): number {
    let freed = 0;
    for (let index = this.#head; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry === undefined) break;
      freed += entry.cost;
      if (freed >= amount) return entry.at + this.#windowMs - time;
    }
    return this.#windowMs;
  }

  resetInMs(time: number): number {
    const last = this.#entries.at(-1);
    return last === undefined ? 0 : last.at + this.#windowMs - time;
  }

  get #oldest(): { at: number; cost: number } | undefined {
    return this.#entries[this.#head];
  }
}

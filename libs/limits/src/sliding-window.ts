/** The counted hits of one key: at most `limit` entries, since hits of the same millisecond share one. */
export class SlidingWindow {
  readonly #windowMs: number;
  /** `total` counts all costs up to this one, so that a sum over many is one difference. */
  readonly #entries: { at: number; cost: number; total: number }[] = [];
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
    if (last?.at === time) {
      last.cost += cost;
      last.total += cost;
    } else this.#entries.push({ at: time, cost, total: (last?.total ?? 0) + cost });
    this.#used += cost;
  }

  /** Until so much of what is counted has left the window. */
  freeInMs(time: number, amount: number): number {
    const base = (this.#oldest?.total ?? 0) - (this.#oldest?.cost ?? 0);
    let [low, high] = [this.#head, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.total ?? 0) - base >= amount) high = middle;
      else low = middle + 1;
    }
    const entry = this.#entries[low];
    return entry === undefined ? this.#windowMs : entry.at + this.#windowMs - time;
  }

  resetInMs(time: number): number {
    const last = this.#entries.at(-1);
    return last === undefined ? 0 : last.at + this.#windowMs - time;
  }

  get #oldest(): { at: number; cost: number; total: number } | undefined {
    return this.#entries[this.#head];
  }
}

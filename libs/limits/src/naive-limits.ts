import type { WindowHit, WindowVerdict } from './limits.ts';

interface Counted {
  name: string;
  at: number;
  cost: number;
}

/** Sliding windows as one would explain them: every hit is remembered, and every answer searches them all. */
export class NaiveLimits {
  readonly #counted: Counted[] = [];

  hitAll(hits: readonly WindowHit[], now: number): WindowVerdict[] {
    const added: Counted[] = [];
    const drafts = hits.map((hit) => {
      const verdict = this.#judge(hit, now, added);
      if (verdict.isAllowed) added.push({ name: nameOf(hit), at: now, cost: hit.cost ?? 1 });
      return verdict;
    });
    const isCounted = drafts.every((verdict) => verdict.isAllowed);
    if (isCounted) this.#counted.push(...added.filter(({ cost }) => cost > 0));
    return drafts.map((verdict, index) => {
      // as: one verdict for each hit.
      const hit = hits[index] as WindowHit;
      const left = Math.max(0, hit.rule.limit - this.#used(hit, now, []));
      const remaining = isCounted ? verdict.remaining : left;
      return { ...verdict, remaining, resetMs: this.#resetMs(hit, now) };
    });
  }

  #judge(hit: WindowHit, now: number, added: readonly Counted[]): WindowVerdict {
    const { limit, windowMs } = hit.rule;
    const { cost = 1 } = hit;
    const weight = Math.max(1, cost);
    const used = this.#used(hit, now, added);
    if (used + weight <= limit) {
      return { isAllowed: true, remaining: limit - used - cost, retryAfterMs: 0, resetMs: 0 };
    }
    const ends = this.#counted.map(({ at }) => at + windowMs - now).filter((end) => end > 0);
    const fits = ends
      .sort((a, b) => a - b)
      .find((end) => this.#used(hit, now + end, added) + weight <= limit);
    return { isAllowed: false, remaining: 0, retryAfterMs: fits ?? windowMs, resetMs: 0 };
  }

  #used(hit: WindowHit, now: number, added: readonly Counted[]): number {
    return [...this.#counted, ...added]
      .filter(({ name, at }) => name === nameOf(hit) && at + hit.rule.windowMs > now)
      .reduce((sum, { cost }) => sum + cost, 0);
  }

  #resetMs(hit: WindowHit, now: number): number {
    const times = this.#counted.filter(({ name }) => name === nameOf(hit)).map(({ at }) => at);
    return Math.max(0, Math.max(0, ...times) + hit.rule.windowMs - now);
  }
}

function nameOf({ key, rule }: WindowHit): string {
  return `${rule.windowMs}:${key}`;
}

import type { Secret } from '@inferry/contracts';

/** A key as it goes to a provider's adapter. */
export interface OpenedCredential {
  credential: Secret;
  connectionId: string;
  baseUrl: string | undefined;
  /** Whose it is. */
  owner?: 'deployment' | 'team' | 'user' | undefined;
}

export interface KeptKey {
  /** Undefined: there is none. */
  value: OpenedCredential | undefined;
  until: number;
  provider: string;
  grantId: string;
}

/** Keys in memory: so many at most, each until its time, the oldest forgotten first. */
export class KeptKeys {
  readonly #kept = new Map<string, KeptKey>();
  readonly #options: { now(): number; maxKept: number };
  #epoch = 0;

  constructor(options: { now(): number; maxKept: number }) {
    this.#options = options;
  }

  /** Grows whenever something is to be forgotten: what was asked for before is out of date. */
  get epoch(): number {
    return this.#epoch;
  }

  get(key: string): KeptKey | undefined {
    const one = this.#kept.get(key);
    if (one === undefined || one.until > this.#options.now()) return one;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, one: KeptKey): void {
    this.#kept.delete(key);
    this.#kept.set(key, one);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > this.#options.maxKept && !oldest.done) this.#kept.delete(oldest.value);
  }

  forget(isStale: (one: KeptKey) => boolean): void {
    this.#epoch += 1;
    for (const [key, one] of this.#kept) if (isStale(one)) this.#kept.delete(key);
  }
}

/** What one sliding window allows: at most `limit` hits in any `windowMs` milliseconds. */
export interface WindowRule {
  limit: number;
  windowMs: number;
}

export interface WindowVerdict {
  isAllowed: boolean;
  /** Hits left in the window after this one. */
  remaining: number;
  /** Milliseconds until a refused hit would be allowed, `windowMs` if that is never; 0 when allowed. */
  retryAfterMs: number;
  /** Milliseconds until the window is empty again if nothing more is hit. */
  resetMs: number;
}

export interface WindowHit {
  /** Windows of one key with different lengths count apart. */
  key: string;
  rule: WindowRule;
  /** A whole number: how much this hit weighs. 0 only looks: the verdict is the one that a hit of 1 would get. */
  cost?: number;
}

/**
 * Exact sliding windows, short locks and short notes, shared by every replica. In process or Redis; both pass the same contract
 * suite. Errors: `unavailable` when the store cannot be reached.
 */
export interface Limits {
  /** Counts a hit if the window allows it; a refused hit is not counted. */
  hit(hit: WindowHit): Promise<WindowVerdict>;
  /** Counts all hits or, when one is refused, none, in one round trip: the verdicts in order, each by itself. */
  hitAll(hits: readonly WindowHit[]): Promise<WindowVerdict[]>;
  /**
   * Takes a lock that ends by itself after `ttlMs`; undefined when somebody holds it. The token proves ownership
   * to `release`.
   */
  acquire(key: string, ttlMs: number): Promise<string | undefined>;
  /** True when the lock was held with this token and is free now. */
  release(key: string, token: string): Promise<boolean>;
  /** Writes a note that every replica can read until `ttlMs` have passed; one of the same key is replaced. */
  note(key: string, text: string, ttlMs: number): Promise<void>;
  /** The note of a key; undefined where there is none, or none any more. */
  readNote(key: string): Promise<string | undefined>;
  dropNote(key: string): Promise<void>;
  /** Resolves when the store answers; rejects with `unavailable` otherwise. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

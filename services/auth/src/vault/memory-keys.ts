import type { Secret } from '@inferry/contracts';
import type { Candidate } from './candidate.ts';

interface Held {
  candidate: Candidate & { held: Secret };
  expiresAt: number;
}

/** Keys that callers brought along and that are never stored: in memory, so many at most, each until its time. */
export class MemoryKeys {
  readonly #held = new Map<string, Held>();
  readonly #options: { now(): number; limit: number };

  constructor(options: { now(): number; limit: number }) {
    this.#options = options;
  }

  put(candidate: Candidate & { held: Secret }, expiresAt: number): void {
    const id = candidate.row.connection_id;
    this.#held.delete(id);
    this.#held.set(id, { candidate, expiresAt });
    const oldest = this.#held.keys().next();
    if (this.#held.size > this.#options.limit && !oldest.done) this.#held.delete(oldest.value);
  }

  of(subject: string, provider?: string): Candidate[] {
    const found: Candidate[] = [];
    // A caller with their own key has one connection, under an id that follows from their subject.
    const one = this.#held.get(subject.replace(/^key:/, 'pt_'));
    if (one === undefined || one.expiresAt <= this.#options.now()) return found;
    const { row } = one.candidate;
    if (row.owner_id === subject && (provider ?? row.provider) === row.provider) found.push(one.candidate);
    return found;
  }

  remove(connectionId: string): void {
    this.#held.delete(connectionId);
  }

  sweep(): void {
    for (const [id, { expiresAt }] of this.#held) if (expiresAt <= this.#options.now()) this.#held.delete(id);
  }
}

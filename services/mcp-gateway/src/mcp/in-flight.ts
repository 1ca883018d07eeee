import type { RequestId } from './json-rpc.ts';

/** A call as its client names it: the ids of two clients may be equal, their sessions may not. */
export interface CallKey {
  subject: string;
  session: string;
  requestId: RequestId;
}

/** The calls of the legacy era that this replica holds, so that `notifications/cancelled` can end one. */
export class InFlight {
  readonly #calls = new Map<string, Set<() => void>>();

  /** `cancel` is called at most once. Returns how to take the call out again. */
  add(key: CallKey, cancel: () => void): () => void {
    const name = nameOf(key);
    const calls = this.#calls.get(name) ?? new Set();
    calls.add(cancel);
    this.#calls.set(name, calls);
    return () => {
      calls.delete(cancel);
      if (calls.size === 0 && this.#calls.get(name) === calls) this.#calls.delete(name);
    };
  }

  /**
   * Cancels the call of that name. Two clients of one user may count their requests alike and share a credential:
   * when two calls have the name, neither ends, since a wait that goes on harms less than a stranger's that stops.
   * True when the call is here.
   */
  cancel(key: CallKey): boolean {
    const calls = this.#calls.get(nameOf(key));
    if (calls === undefined) return false;
    if (calls.size === 1) for (const cancel of calls) cancel();
    return true;
  }
}

function nameOf({ subject, session, requestId }: CallKey): string {
  return `${subject}\n${session}\n${typeof requestId}:${requestId}`;
}

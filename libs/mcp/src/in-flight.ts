import { isSameId, type RequestId } from './json-rpc.ts';
import { type Member, Roster } from './roster.ts';

/** A call as its client names it: the ids of two clients may be equal, their sessions may not. */
export interface CallKey {
  subject: string;
  session: string;
  requestId: RequestId;
}

/** A call from `add` to `delete`. */
export interface CancellableCall extends CallKey, Member {
  cancel(): void;
}

/**
 * The calls of the legacy era that this replica holds, so that `notifications/cancelled` can end one. Hardly any call is
 * cancelled: to be held costs next to nothing, and to be found costs a look at all that are open.
 */
export class InFlight {
  readonly #calls = new Roster<CancellableCall>();

  /** `cancel` is called at most once. */
  add({ subject, session, requestId }: CallKey, cancel: () => void): CancellableCall {
    const call: CancellableCall = { subject, session, requestId, cancel, place: -1 };
    this.#calls.add(call);
    return call;
  }

  delete(call: CancellableCall): void {
    this.#calls.delete(call);
  }

  /**
   * Cancels the call of that name. Two clients of one user may count their requests alike and share a credential:
   * when two calls have the name, neither ends, since a wait that goes on harms less than a stranger's that stops.
   * True when the call is here.
   */
  cancel({ subject, session, requestId }: CallKey): boolean {
    const named = this.#calls.filter(
      (call) => isSameId(call.requestId, requestId) && call.session === session && call.subject === subject,
    );
    const [call] = named;
    if (call === undefined) return false;
    if (named.length === 1) call.cancel();
    return true;
  }
}

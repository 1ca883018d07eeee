/** The calls of the legacy era that this replica holds, how one is cancelled, and the roster that such lists are kept in. */

import type { Bus } from '@inferry/bus';
import { callCancelled } from '@inferry/contracts';
import type { Listener } from './exchange.ts';
import { isExactNumber, isRequestId, isSameId, type RequestId } from './json-rpc.ts';

/** A call as its client names it: the ids of two clients may be equal, their sessions may not. */
interface CallKey {
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

/** A member knows its place, so that leaving needs no search. */
export interface Member {
  place: number;
}

/**
 * A set of short-lived objects without an order. Thousands of entries a second that pass through a `Map` or `Set` outlive
 * its outgrown tables, and with them one garbage collection after another; here nothing points to who has left.
 */
export class Roster<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Of a member that is in no roster. */
  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** False when it has left already. */
  delete(member: T): boolean {
    const { place } = member;
    if (this.#members[place] !== member) return false;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    return true;
  }

  /** From 0 to below `size`. Whoever reads from the last place down meets everybody, even while members leave. */
  at(place: number): T | undefined {
    return this.#members[place];
  }

  /** As it is now: members may leave while it is read. */
  snapshot(): readonly T[] {
    return [...this.#members];
  }

  /** Without a copy, for readers that change nothing. */
  filter(isWanted: (member: T) => boolean): T[] {
    return this.#members.filter(isWanted);
  }
}

/** Ends a call of the same user and session on whichever replica holds it (MCP 2025-11-25, cancellation). */
export function onCancelled({ bus, inFlight }: { bus: Bus; inFlight: InFlight }): Listener {
  return ({ params }, { principal, session }) => {
    const { requestId } = params;
    if (!isRequestId(requestId)) return;
    const { subject } = principal;
    // Most often the call is here; the bus reaches the other replicas.
    if (inFlight.cancel({ subject, session, requestId })) return;
    const request_id = isExactNumber(requestId) ? Number(requestId.rawJSON) : requestId;
    bus.publish(callCancelled, { subject, session, request_id });
  };
}

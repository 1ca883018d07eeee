import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@inferry/contracts';
import type { Offer } from '@inferry/mcp';

/** What an answer goes into. */
export interface Answerable {
  response: ServerResponse;
  /** Sent with whatever the answer is: not set on the response, which would put its head together in two steps. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** One request that was let in. */
export interface Admitted extends Answerable {
  request: IncomingMessage;
  principal: Principal;
  /** How long it took to know whom it is for and to count it; its body has its own time. */
  heldMs?: number | undefined;
}

/** The same with the mount that it came to, which may be gone before it is answered. */
export interface Post extends Admitted {
  offer: Offer;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@inferry/contracts';

/** One admitted POST. */
export interface Post {
  request: IncomingMessage;
  response: ServerResponse;
  principal: Principal;
}

import { z } from 'zod';
import { jsonObject } from './shapes/basics.ts';

/** What a service may ask the client of a call for (MCP 2026-07-28, multi round-trip requests). */
export const inputMethods = ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const;

export const InputRequest = z.object({ method: z.enum(inputMethods), params: jsonObject });
export type InputRequest = z.infer<typeof InputRequest>;

export const InputRequests = z.record(z.string(), InputRequest);
export type InputRequests = z.infer<typeof InputRequests>;

/** What a call still needs of its client; `state` is the service's own and comes back with the answers. */
export const NeededInput = z.object({ inputRequests: InputRequests, state: z.string().optional() });
export type NeededInput = z.infer<typeof NeededInput>;

/**
 * Thrown by a handler that cannot go on without its client. The call ends; it is made again with the answers under
 * the same keys, perhaps on another replica, so nothing but `state` may be remembered in between.
 */
export class InputRequired extends Error {
  override readonly name = 'InputRequired';
  readonly needed: NeededInput;

  constructor(inputRequests: InputRequests, state?: string) {
    super('The call needs input of its client.');
    this.needed = state === undefined ? { inputRequests } : { inputRequests, state };
  }
}

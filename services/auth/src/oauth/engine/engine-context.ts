import { AsyncLocalStorage } from 'node:async_hooks';
import type { Grant } from '../grants/grants.ts';

/** What the engine's callbacks may know of the request they work for. */
export interface EngineContext {
  /** Whom windows count. */
  address: string;
  /** The request takes over from a replica that died while it answered the same one. */
  isTakeover?: boolean;
  /** The grant of the token that this request is about, once it was read with it. */
  grant?: Grant | undefined;
}

export const engineContext = new AsyncLocalStorage<EngineContext>();

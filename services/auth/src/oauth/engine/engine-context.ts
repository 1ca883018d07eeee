import { AsyncLocalStorage } from 'node:async_hooks';

/** What the engine's callbacks may know of the request they work for. */
export interface EngineContext {
  /** Whom windows count. */
  address: string;
  /** The request takes over from a replica that died while it answered the same one. */
  isTakeover?: boolean;
}

export const engineContext = new AsyncLocalStorage<EngineContext>();

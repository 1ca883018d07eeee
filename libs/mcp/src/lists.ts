/** What all lists have in common: how long they may be kept, and the cursors that were never handed out. */

import type { Exchange } from './exchange.ts';
import { type Refusal, refuseParams } from './json-rpc.ts';
import type { Era } from './versions.ts';

/**
 * What a caller's own cache may do with a result (MCP 2026-07-28, caching). Always private: every list depends on the
 * caller's scopes. Legacy revisions have no such fields. `rest` are the other fields, as JSON without its braces.
 */
export function cacheable(era: Era, ttlMs: number, rest: string): string {
  return era === 'modern' ? `{"ttlMs":${ttlMs},"cacheScope":"private",${rest}}` : `{${rest}}`;
}

/** Catalogs change every few minutes at most, and whoever listens is told at once. */
export const listTtlMs = 300_000;

/** Of a list that something is missing from now. */
export const partialListTtlMs = 0;

/** The cursor that a client sends; some clients send an empty one, or null, for the first page. */
export function cursorOf({ request }: Exchange): unknown {
  const { cursor } = request.params;
  return cursor === '' || cursor === null ? undefined : cursor;
}

export function refuseCursor(): Refusal {
  return refuseParams(['invalid_cursor', 'This cursor was not handed out here. List again without one.']);
}

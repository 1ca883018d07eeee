import type { Era } from '../versions.ts';

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

import { isObject } from '@inferry/contracts';

/** Where a list of resources goes on: at which service, and where there. */
export interface ResourcePosition {
  service: string;
  cursor: string | undefined;
}

/** Opaque to clients; another form of it gets another `v`. */
export function toResourceCursor({ service, cursor }: ResourcePosition): string {
  return Buffer.from(JSON.stringify({ v: 1, s: service, c: cursor })).toString('base64url');
}

/** Undefined when it was not made here. */
export function parseResourceCursor(cursor: string): ResourcePosition | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!isObject(value) || value.v !== 1 || typeof value.s !== 'string') return undefined;
    if (value.c !== undefined && typeof value.c !== 'string') return undefined;
    return { service: value.s, cursor: value.c };
  } catch {
    // Not base64, or not JSON: not ours.
    return undefined;
  }
}

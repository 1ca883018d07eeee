import { isScope, type Scope, scopes } from '@inferry/contracts';

/** What a client gets that asks for nothing in particular. */
export const defaultScope: Scope = 'mcp';

export const allScopes: readonly Scope[] = Object.keys(scopes).filter(isScope);

/**
 * The scopes that a parameter asks for: unknown ones are dropped without a word (RFC 6749, section 3.3, lets us), and
 * what is left empty becomes the default.
 */
export function parseScope(value: string | undefined): Scope[] {
  const known = keepKnown(value);
  return known.length === 0 ? [defaultScope] : known;
}

/** As `parseScope`, but empty stays empty: a refresh without a scope keeps what it has. */
export function keepKnown(value: string | undefined): Scope[] {
  return [...new Set((value ?? '').split(' ').filter(isScope))];
}

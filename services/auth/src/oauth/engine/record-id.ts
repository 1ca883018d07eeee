import { createHash } from 'node:crypto';

/** Where a code, a refresh token or a sign-in is kept: by its hash, so that the table gives nobody a token. */
export function recordIdOf(kind: string, value: string): string {
  return createHash('sha256').update(`${kind}:${value}`).digest('base64url');
}

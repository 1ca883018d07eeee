const segments = /^[a-z0-9][a-z0-9_-]*(?:\/[a-z0-9][a-z0-9_-]*)*$/;

/** Throws unless the key is lower-case segments of letters, digits, `-` and `_` with `/` between: no dots, no paths. */
export function checkKey(key: string): void {
  if (key.length > 300 || !segments.test(key))
    throw new RangeError('A blob key must be lower-case segments.');
}

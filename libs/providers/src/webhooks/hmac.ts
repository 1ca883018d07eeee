import type { Secret } from '@inferry/contracts';
import { createMac, isSameBytes } from '@inferry/seals';
import { genuine, isFresh, refused, type SignatureVerdict, type SignedMessage } from './signature.ts';

export interface HmacOptions {
  /** Used as they are written; several while one is being replaced. */
  secrets: readonly Secret[];
  /** Lower case. */
  signatureHeader: string;
  /** What stands in front of the signature, e.g. `sha256=`. */
  prefix?: string;
  encoding: 'hex' | 'base64';
  /**
   * Lower case; signed as `<timestamp>.<body>`. Without one nothing tells a replay from the first delivery: whoever
   * takes such a message must do the same thing twice without harm.
   */
  timestampHeader?: string;
  /** Milliseconds since 1970. */
  now: number;
  toleranceSeconds?: number;
}

/** HMAC-SHA-256 of the body, or of a timestamp and the body. */
export function verifyHmac({ headers, rawBody }: SignedMessage, options: HmacOptions): SignatureVerdict {
  const { secrets, signatureHeader, prefix = '', encoding, timestampHeader } = options;
  const header = headers[signatureHeader];
  const timestamp = timestampHeader === undefined ? undefined : headers[timestampHeader];
  if (header === undefined || (timestampHeader !== undefined && timestamp === undefined)) {
    return refused('unsigned');
  }
  if (secrets.length === 0) return refused('no_key');
  if (timestamp !== undefined && !isFresh(timestamp, options.now, options.toleranceSeconds)) {
    return refused('stale');
  }
  const given = header.startsWith(prefix) ? decode(header.slice(prefix.length), encoding) : undefined;
  if (given === undefined) return refused('malformed');
  const isGenuine = secrets.some((secret) => {
    const signed = timestamp === undefined ? [rawBody] : [`${timestamp}.`, rawBody];
    return isSameBytes(given, createMac(secret)(...signed));
  });
  return isGenuine ? genuine : refused('forged');
}

/** The 32 bytes of a signature; `Buffer.from` alone would pass over what does not belong there. */
function decode(text: string, encoding: 'hex' | 'base64'): Buffer | undefined {
  const isWritten = encoding === 'hex' ? /^[0-9a-f]{64}$/i.test(text) : /^[A-Za-z0-9+/]{43}=$/.test(text);
  return isWritten ? Buffer.from(text, encoding) : undefined;
}

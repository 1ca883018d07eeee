import type { Secret } from '@inferry/contracts';
import { isSameBytes, standardSignature } from '@inferry/seals';
import { genuine, isFresh, refused, type SignatureVerdict, type SignedMessage } from './signature.ts';

export interface StandardWebhooksOptions {
  /** `whsec_…`; several while one is being replaced. */
  secrets: readonly Secret[];
  /** Milliseconds since 1970. */
  now: number;
  toleranceSeconds?: number;
}

/** More than any sender puts in; a header full of signatures must not cost a hash each. */
const maxSignatures = 16;

/**
 * Standard Webhooks 1.0: `v1` is HMAC-SHA-256 of id, timestamp and body. Also sent under the names that the form had
 * before it was a standard (`svix-*`).
 */
export function verifyStandardWebhook(
  { headers, rawBody }: SignedMessage,
  { secrets, now, toleranceSeconds }: StandardWebhooksOptions,
): SignatureVerdict {
  const id = headers['webhook-id'] ?? headers['svix-id'];
  const timestamp = headers['webhook-timestamp'] ?? headers['svix-timestamp'];
  const signatures = headers['webhook-signature'] ?? headers['svix-signature'];
  if (id === undefined || timestamp === undefined || signatures === undefined) return refused('unsigned');
  if (secrets.length === 0) return refused('no_key');
  if (!isFresh(timestamp, now, toleranceSeconds)) return refused('stale');
  const given = signatures
    .split(' ')
    .slice(0, maxSignatures)
    .flatMap((part) => (part.startsWith('v1,') ? [Buffer.from(part.slice(3), 'base64')] : []));
  if (given.length === 0) return refused('malformed');
  const isGenuine = secrets.some((secret) => {
    const expected = standardSignature(secret, { id, timestamp, body: rawBody });
    return given.some((signature) => isSameBytes(signature, expected));
  });
  return isGenuine ? genuine : refused('forged');
}

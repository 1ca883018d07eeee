import { createHash } from 'node:crypto';
import {
  isFresh,
  type KeySet,
  type SignatureVerdict,
  type SignedMessage,
  verifyEd25519,
} from '../webhooks/index.ts';

/**
 * fal signs with Ed25519: request id, user id, time and the SHA-256 of the body, one on a line; its public keys are a key
 * set. A signature that fits none of the keys makes them be read again, since they are replaced now and then.
 */
export async function verifyFalWebhook(
  { headers, rawBody }: SignedMessage,
  { keys, now, signal }: { keys: KeySet; now: number; signal: AbortSignal },
): Promise<SignatureVerdict> {
  const requestId = headers['x-fal-webhook-request-id'];
  const userId = headers['x-fal-webhook-user-id'];
  const timestamp = headers['x-fal-webhook-timestamp'];
  const signature = headers['x-fal-webhook-signature'];
  if (requestId === undefined || userId === undefined || timestamp === undefined || signature === undefined) {
    return { isGenuine: false, reason: 'unsigned' };
  }
  if (!isFresh(timestamp, now)) return { isGenuine: false, reason: 'stale' };
  const digest = createHash('sha256').update(rawBody).digest('hex');
  const message = Buffer.from([requestId, userId, timestamp, digest].join('\n'));
  const verdict = verifyEd25519(message, signature, await keys.keys(signal));
  if (verdict.isGenuine || verdict.reason === 'malformed') return verdict;
  return verifyEd25519(message, signature, await keys.keys(signal, { isUnknown: true }));
}

import type { Secret } from '@inferry/contracts';
import { standardSignature } from '@inferry/seals';

/** The headers of Standard Webhooks: `v1` is HMAC-SHA-256 of id, timestamp and body. */
export function signWebhook(
  message: { id: string; timestampSeconds: number; body: string },
  secret: Secret,
): Record<string, string> {
  const { id, timestampSeconds, body } = message;
  const timestamp = String(timestampSeconds);
  const signature = standardSignature(secret, { id, timestamp, body }).toString('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

import { createHmac } from 'node:crypto';
import type { Secret } from '@inferry/contracts';

/** The headers of Standard Webhooks: `v1` is HMAC-SHA-256 of id, timestamp and body. */
export function signWebhook(
  message: { id: string; timestampSeconds: number; body: string },
  secret: Secret,
): Record<string, string> {
  const { id, timestampSeconds, body } = message;
  const key = Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `v1,${signature}`,
  };
}

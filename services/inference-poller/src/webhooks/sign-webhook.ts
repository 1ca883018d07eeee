/** What a webhook is, and how it is signed. */
import type { Secret } from '@inferry/contracts';
import { standardSignature } from '@inferry/seals';

/** What came of one try to send it. */
export interface Attempt {
  status: number | null;
  /** Why it was none; never the receiver's words. */
  problem: string | null;
  /** There will be no other. */
  isLast?: boolean;
}

export interface WebhookMessage {
  url: string;
  messageId: string;
  body: string;
  /** Signed by each of them. */
  secrets: readonly Secret[];
  headers?: Readonly<Record<string, string>>;
  /** Whether what comes back is of interest: the beginning of it. */
  readsReply?: boolean;
}

/** One POST to a receiver, as every webhook leaves: signed, to public addresses alone, following nothing. */
export type WebhookPost = (message: WebhookMessage) => Promise<Attempt & { text: string }>;

/** The headers of Standard Webhooks: `v1` is HMAC-SHA-256 of id, timestamp and body. */
export function signWebhook(
  message: { id: string; timestampSeconds: number; body: string },
  secrets: readonly Secret[],
): Record<string, string> {
  const { id, timestampSeconds, body } = message;
  const timestamp = String(timestampSeconds);
  const signatures = secrets.map(
    (secret) => `v1,${standardSignature(secret, { id, timestamp, body }).toString('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

import type { Emulator } from '@inferry/testing/emulators';
import { Webhook } from 'standardwebhooks';
import type { InboundWebhook } from '../provider.ts';

/** A webhook as a platform with Standard Webhooks sends it: signed by the reference package. */
export function standardWebhook(
  emulator: Emulator,
  { body, secret, how }: { body: object; secret: string; how: 'good' | 'forged' | 'stale' },
): InboundWebhook {
  const text = JSON.stringify(body);
  const at = new Date(emulator.now() - (how === 'stale' ? 3_600_000 : 0));
  const id = 'msg_1';
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, text),
  };
  const rawBody = Buffer.from(how === 'forged' ? `${text} ` : text);
  return { headers, rawBody, runId: 'run_0000000000000000000001' };
}

import { isPrivateHost } from '@inferry/contracts';
import { leaseDueDeliveries, settleDelivery, type WebhookDeliveryRow } from '@inferry/database';
import { createPublicAgent, isAllowedPort } from '@inferry/runtime/public-agent';
import { Agent, request } from 'undici';
import type { InferenceDeps } from '../deps.ts';
import { jittered } from '../timings.ts';
import { signWebhook } from './sign-webhook.ts';
import { isLoopbackUrl } from './webhook-url.ts';

const batchSize = 16;
/** The receiver wants no more of this webhook. */
const gone = 410;

export interface WebhookSender {
  /** Sends what is due; resolves with how many were tried. */
  sendDue(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Sends the webhooks of ended runs from whichever replica comes first (Standard Webhooks; MRD-04): signed, https to
 * public addresses, no redirects, retried for about two hours. A replica that dies while it sends leaves its lease to
 * run out; a receiver may get a message twice and tells by `webhook-id`.
 */
export function createWebhookSender(deps: InferenceDeps): WebhookSender {
  const { timings } = deps;
  const publicOnly = createPublicAgent({ timeoutMs: timings.webhookTimeoutMs, connections: batchSize });
  const loopback = new Agent();
  const closing = new AbortController();

  async function send(delivery: WebhookDeliveryRow): Promise<number | null> {
    const url = new URL(delivery.url);
    const isLoopback = deps.webhooks.allowLoopback && isLoopbackUrl(url);
    // The settings may have become stricter since the run was started.
    const mayBeSent = isLoopback || (!isPrivateHost(url.hostname) && isAllowedPort(url.port));
    if (deps.webhooks.secret === undefined || !mayBeSent) return null;
    const { delivery_id: id, body } = delivery;
    const timestampSeconds = Math.floor(deps.now() / 1_000);
    try {
      const reply = await request(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'inferry-webhooks',
          ...signWebhook({ id, timestampSeconds, body }, deps.webhooks.secret),
        },
        dispatcher: isLoopback ? loopback : publicOnly,
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(timings.webhookTimeoutMs)]),
      });
      // What a receiver answers is of no interest and may be endless.
      reply.body.on('error', () => undefined).destroy();
      return reply.statusCode;
    } catch (error) {
      deps.log.debug({ runId: delivery.run_id, err: error }, 'webhook not delivered');
      return null;
    }
  }

  async function deliver(delivery: WebhookDeliveryRow): Promise<void> {
    const status = await send(delivery);
    const isDelivered = status !== null && status >= 200 && status < 300;
    const waitMs = timings.webhookRetriesMs[delivery.attempts];
    const isOver = isDelivered || status === gone || waitMs === undefined;
    deps.metrics.webhook(isDelivered ? 'delivered' : isOver ? 'given_up' : 'again');
    if (isOver && !isDelivered) deps.log.warn({ runId: delivery.run_id, status }, 'webhook given up');
    await settleDelivery(deps.database.queries, delivery, {
      at: deps.now(),
      ...{ status, problem: null },
      deliveredAt: isDelivered ? deps.now() : null,
      nextAttemptAt: isOver ? null : deps.now() + jittered(waitMs, deps.random),
    });
  }

  return {
    async sendDue() {
      if (deps.webhooks.secret === undefined || closing.signal.aborted) return 0;
      const leaseMs = timings.webhookTimeoutMs * 2;
      for (let sent = 0; ; ) {
        const due = await leaseDueDeliveries(deps.database, { now: deps.now(), leaseMs, limit: batchSize });
        await Promise.all(due.map(deliver));
        sent += due.length;
        if (due.length < batchSize || closing.signal.aborted) return sent;
      }
    },
    async close() {
      closing.abort();
      await Promise.all([publicOnly.destroy(), loopback.destroy()]);
    },
  };
}

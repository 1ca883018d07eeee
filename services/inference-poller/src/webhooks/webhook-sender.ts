import { isPrivateHost } from '@inferry/contracts';
import {
  findSubscription,
  leaseDueDeliveries,
  returnDelivery,
  settleDelivery,
  type WebhookDeliveryRow,
} from '@inferry/database';
import { createPublicAgent, isAllowedPort } from '@inferry/runtime/public-agent';
import { Agent, type Dispatcher, errors, request } from 'undici';
import type { InferenceDeps } from '../deps.ts';
import { jittered } from '../timings.ts';
import { secretsOf, terminatedPrefix } from './event-subscriptions.ts';
import { type Attempt, signWebhook, type WebhookMessage, type WebhookPost } from './sign-webhook.ts';
import { isLoopbackUrl } from './webhook-url.ts';

/** What one replica sends at once, in all and to one receiver: one that hangs keeps no other waiting. */
const maxAtOnce = 32;
const maxPerReceiver = 4;
/** The receiver wants no more of this webhook. */
const gone = 410;
/** Nor will it take this message when it comes again. */
const tooLarge = 413;
const replyBytes = 4_096;

export interface WebhookSender {
  /** Sends what is due; resolves when nothing is, or with what is being sent where it is asked to stop. */
  sendDue(): Promise<void>;
  post: WebhookPost;
  close(): Promise<void>;
}

/**
 * Sends the webhooks of ended runs from whichever replica comes first (Standard Webhooks; MRD-04): signed, https to
 * public addresses, no redirects, retried for about a day. A replica that dies while it sends leaves its lease to
 * run out; a receiver may get a message twice and tells by `webhook-id`.
 */
export function createWebhookSender(deps: InferenceDeps): WebhookSender {
  const { timings } = deps;
  const closing = new AbortController();
  const sendOne = createSend(deps, closing.signal);
  const receivers = new Receivers();
  const sending = new Set<Promise<void>>();
  let working: Promise<void> | undefined;
  /** Resolved by whoever knows of more to send. */
  let more = Promise.withResolvers<void>();
  let isWanted = false;

  async function deliver(delivery: WebhookDeliveryRow): Promise<void> {
    const attempt = await sendOne.send(delivery);
    // A stop is no attempt: whoever comes next makes it.
    if (closing.signal.aborted && attempt.status === null)
      return returnDelivery(deps.database.queries, delivery);
    await book(deps, delivery, attempt);
  }

  /** One that was leased beyond what its receiver takes at once is given back. */
  function start(delivery: WebhookDeliveryRow): void {
    const leave = receivers.enter(new URL(delivery.url).origin);
    const work = leave === undefined ? returnDelivery(deps.database.queries, delivery) : deliver(delivery);
    const ended = work
      .catch((error: unknown) => deps.log.warn({ err: error }, 'a webhook was not booked'))
      .finally(() => {
        sending.delete(ended);
        leave?.();
      });
    sending.add(ended);
  }

  async function startDue(): Promise<boolean> {
    const limit = maxAtOnce - sending.size;
    if (limit === 0) return false;
    const leaseMs = timings.webhookTimeoutMs * 2;
    const request = { now: deps.now(), leaseMs, limit, busy: receivers.full() };
    const due = await leaseDueDeliveries(deps.database, request);
    for (const delivery of due) start(delivery);
    return due.length === limit;
  }

  async function work(): Promise<void> {
    while (!closing.signal.aborted) {
      isWanted = false;
      more = Promise.withResolvers();
      if ((await startDue()) || isWanted) continue;
      if (sending.size === 0) return;
      // Whoever ends makes room; nobody waits for the slowest.
      await Promise.race([...sending, more.promise]);
    }
  }

  return {
    post: sendOne.post,
    async sendDue() {
      if (deps.webhooks.secret === undefined || closing.signal.aborted) return;
      isWanted = true;
      more.resolve();
      working ??= work().finally(() => {
        working = undefined;
      });
      await working;
    },
    async close() {
      closing.abort();
      await working?.catch(() => undefined);
      await Promise.all(sending);
      await sendOne.close();
    },
  };
}

/** How many are under way to each receiver. */
class Receivers {
  readonly #counts = new Map<string, number>();

  /** Takes a place, and returns what gives it back; undefined where there is none left. */
  enter(origin: string): (() => void) | undefined {
    const count = this.#counts.get(origin) ?? 0;
    if (count >= maxPerReceiver) return undefined;
    this.#counts.set(origin, count + 1);
    return () => {
      const left = (this.#counts.get(origin) ?? 1) - 1;
      if (left > 0) this.#counts.set(origin, left);
      else this.#counts.delete(origin);
    };
  }

  full(): string[] {
    return [...this.#counts].filter(([, count]) => count >= maxPerReceiver).map(([origin]) => origin);
  }
}

/** What came of an attempt, and when the next one is. */
async function book(
  deps: InferenceDeps,
  delivery: WebhookDeliveryRow,
  { status, problem, isLast = false }: Attempt,
): Promise<void> {
  const isDelivered = problem === null;
  const waitMs = deps.timings.webhookRetriesMs[delivery.attempts];
  const isOver = isDelivered || isLast || status === gone || waitMs === undefined;
  deps.metrics.webhook(isDelivered ? 'delivered' : isOver ? 'given_up' : 'again');
  if (isOver && !isDelivered) deps.log.warn({ runId: delivery.run_id, status, problem }, 'webhook given up');
  const at = deps.now();
  await settleDelivery(deps.database.queries, delivery, {
    ...{ at, status, problem, deliveredAt: isDelivered ? at : null },
    nextAttemptAt: isOver ? null : at + jittered(waitMs, deps.random),
  });
}

function createSend(deps: InferenceDeps, closing: AbortSignal) {
  const timeoutMs = deps.timings.webhookTimeoutMs;
  const publicOnly = createPublicAgent({ timeoutMs, connections: maxPerReceiver });
  const loopback = new Agent();

  /** The settings may have become stricter since it was taken: undefined where it may not be sent. */
  function dispatcherFor(url: URL): Dispatcher | undefined {
    if (deps.webhooks.allowLoopback && isLoopbackUrl(url)) return loopback;
    return !isPrivateHost(url.hostname) && isAllowedPort(url.port) ? publicOnly : undefined;
  }

  async function post(message: WebhookMessage): Promise<Attempt & { text: string }> {
    const { url: to, messageId: id, body, secrets, headers, readsReply } = message;
    const dispatcher = dispatcherFor(new URL(to));
    if (dispatcher === undefined || secrets.length === 0)
      return { status: null, problem: 'not_allowed', text: '' };
    const timestampSeconds = Math.floor(deps.now() / 1_000);
    try {
      const reply = await request(to, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'inferry-webhooks',
          ...signWebhook({ id, timestampSeconds, body }, secrets),
          ...headers,
        },
        dispatcher,
        signal: AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]),
      });
      const text = readsReply === true ? await beginningOf(reply.body) : '';
      // What else a receiver answers is of no interest and may be endless.
      reply.body.on('error', () => undefined).destroy();
      return { status: reply.statusCode, problem: problemOf(reply.statusCode), text };
    } catch (error) {
      deps.log.debug({ err: error }, 'webhook not delivered');
      return { status: null, problem: problemOfFailure(error), text: '' };
    }
  }

  /** Of an event: signed by its subscriber's secret, as long as they want to be told. */
  async function sendEvent(delivery: WebhookDeliveryRow, subscriptionId: string): Promise<Attempt> {
    const subscription = await findSubscription(deps.database.queries, subscriptionId);
    const { delivery_id: id, message_id: messageId = id, url, body } = delivery;
    const isLastWord = messageId?.startsWith(terminatedPrefix) === true;
    const isWanted =
      subscription !== undefined &&
      (isLastWord || (subscription.ended_at === null && subscription.expires_at > deps.now()));
    if (!isWanted) return { status: null, problem: 'unsubscribed', isLast: true };
    const attempt = await post({
      ...{ url, body, messageId: messageId ?? id, secrets: secretsOf(deps, subscription) },
      headers: { 'x-mcp-subscription-id': subscriptionId },
    });
    return { ...attempt, isLast: attempt.status === tooLarge };
  }

  return {
    post,
    async send(delivery: WebhookDeliveryRow): Promise<Attempt> {
      const { delivery_id: messageId, subscription_id: subscriptionId, url, body } = delivery;
      if (subscriptionId !== null) return sendEvent(delivery, subscriptionId);
      const { secret } = deps.webhooks;
      return post({ url, body, messageId, secrets: secret === undefined ? [] : [secret] });
    },
    close: () => Promise.all([publicOnly.destroy(), loopback.destroy()]),
  };
}

function problemOf(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect' : 'status';
}

async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.byteLength;
    if (size >= replyBytes) break;
  }
  return Buffer.concat(parts).subarray(0, replyBytes).toString('utf8');
}

function problemOfFailure(error: unknown): string {
  if (isTimeout(error)) return 'timeout';
  return isTlsError(error) ? 'tls_error' : 'no_connection';
}

function isTlsError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code);
}

function isTimeout(error: unknown): boolean {
  const isOurs = error instanceof DOMException && error.name === 'TimeoutError';
  return isOurs || error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError;
}

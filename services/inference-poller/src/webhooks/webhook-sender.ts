import { isPrivateHost, type Secret } from '@inferry/contracts';
import {
  leaseDueDeliveries,
  returnDelivery,
  settleDelivery,
  type WebhookDeliveryRow,
} from '@inferry/database';
import { createPublicAgent, isAllowedPort } from '@inferry/runtime/public-agent';
import { Agent, type Dispatcher, errors, request } from 'undici';
import type { InferenceDeps } from '../deps.ts';
import { jittered } from '../timings.ts';
import { signWebhook } from './sign-webhook.ts';
import { isLoopbackUrl } from './webhook-url.ts';

/** What one replica sends at once, in all and to one receiver: one that hangs keeps no other waiting. */
const maxAtOnce = 32;
const maxPerReceiver = 4;
/** The receiver wants no more of this webhook. */
const gone = 410;

export interface WebhookSender {
  /** Sends what is due; resolves when nothing is, or with what is being sent where it is asked to stop. */
  sendDue(): Promise<void>;
  close(): Promise<void>;
}

interface Attempt {
  status: number | null;
  /** Why it was none; never the receiver's words. */
  problem: string | null;
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
  { status, problem }: Attempt,
): Promise<void> {
  const isDelivered = problem === null;
  const waitMs = deps.timings.webhookRetriesMs[delivery.attempts];
  const isOver = isDelivered || status === gone || waitMs === undefined;
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

  async function post(
    delivery: WebhookDeliveryRow,
    secret: Secret,
    dispatcher: Dispatcher,
  ): Promise<Attempt> {
    const { delivery_id: id, body } = delivery;
    const timestampSeconds = Math.floor(deps.now() / 1_000);
    try {
      const reply = await request(delivery.url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'inferry-webhooks',
          ...signWebhook({ id, timestampSeconds, body }, secret),
        },
        dispatcher,
        signal: AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]),
      });
      // What a receiver answers is of no interest and may be endless.
      reply.body.on('error', () => undefined).destroy();
      return { status: reply.statusCode, problem: problemOf(reply.statusCode) };
    } catch (error) {
      deps.log.debug({ runId: delivery.run_id, err: error }, 'webhook not delivered');
      return { status: null, problem: isTimeout(error) ? 'timeout' : 'no_connection' };
    }
  }

  return {
    async send(delivery: WebhookDeliveryRow): Promise<Attempt> {
      const url = new URL(delivery.url);
      const { secret, allowLoopback } = deps.webhooks;
      const isLoopback = allowLoopback && isLoopbackUrl(url);
      // The settings may have become stricter since the run was started.
      const mayBeSent = isLoopback || (!isPrivateHost(url.hostname) && isAllowedPort(url.port));
      if (secret === undefined || !mayBeSent) return { status: null, problem: 'not_allowed' };
      return post(delivery, secret, isLoopback ? loopback : publicOnly);
    },
    close: () => Promise.all([publicOnly.destroy(), loopback.destroy()]),
  };
}

function problemOf(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect' : 'status';
}

function isTimeout(error: unknown): boolean {
  const isOurs = error instanceof DOMException && error.name === 'TimeoutError';
  return isOurs || error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError;
}

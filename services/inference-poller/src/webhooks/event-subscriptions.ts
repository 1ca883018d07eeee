/**
 * Webhooks of the Events extension of MCP: who is told what happens, at an address that has said yes. What is to be told is
 * read by cursor, as polls read it, and becomes rows that the sender of webhooks sends, so that no process has to live for it.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Handler } from '@inferry/bus';
import {
  type ClientEvent,
  type ClientEventName,
  catalogChanged,
  eventSecretPurpose,
  type readEventKey,
  runFinished,
  runProgressed,
  type SealedText,
  type Secret,
  type subscribeClientEvents,
  type unsubscribeClientEvents,
  validationFailed,
} from '@inferry/contracts';
import {
  type EventSubscriptionRow,
  endSubscription,
  findSubscription,
  isGrantRevoked,
  listSubscribers,
  putSubscription,
  readSubscriber,
  readSubscriberHealth,
  renewSubscription,
  type SubscriberHealth,
  sweepSubscriptions,
  takeDueSubscriptions,
  tellSubscriber,
} from '@inferry/database';
import type { Parts } from '@inferry/runtime';
import { isSameText } from '@inferry/seals';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { readEventsFor } from '../rpc/client-events.ts';
import { canonical, toRfc3339 } from '../runs/run-document.ts';
import type { WebhookPost } from './sign-webhook.ts';
import { webhookProblem } from './webhook-url.ts';

const defaultTtlMs = 3_600_000;
const leastTtlMs = 60_000;
const mostTtlMs = 24 * 3_600_000;
/** Of one subject, that go on. */
const maxSubscriptions = 100;
const eventsAtOnce = 100;
/** How long messages are signed by the secret of before as well. */
const rotationMs = 10 * 60_000;
/** The slow timer, for what no event of the bus told of. */
const lookEveryMs = 5_000;
const subscriptionsPerLook = 50;
const gatherMs = 50;
const keptAfterMs = 24 * 3_600_000;
/** Questions to one host whether it wants to be told. */
const verifications = { limit: 10, windowMs: 60_000 };
const challengeBytes = 24;

type Asked = z.output<typeof subscribeClientEvents.input>;
type Answer = z.input<typeof subscribeClientEvents.output>;
type CallbackFailure = NonNullable<NonNullable<Answer['subscription']>['last_error']>;

export interface EventWebhooks {
  key: Handler<typeof readEventKey>;
  subscribe: Handler<typeof subscribeClientEvents>;
  unsubscribe: Handler<typeof unsubscribeClientEvents>;
  /** Looks at subscriptions that are due. */
  look(): Promise<void>;
  close(): void;
}

interface EventParts {
  deps: InferenceDeps;
  post: WebhookPost;
  limits: Pick<Parts['limits'], 'hit'>;
  /** There is something to send. */
  wakeSender(): void;
}

export function createEventWebhooks(parts: EventParts): EventWebhooks {
  const { deps } = parts;
  const { database, now } = deps;
  async function look(subject?: string): Promise<void> {
    const nextAt = now() + lookEveryMs;
    const request = { now: now(), nextAt, limit: subscriptionsPerLook, subject };
    for (const row of await takeDueSubscriptions(database, request))
      if (await tell(deps, row)) parts.wakeSender();
  }
  const ears = new Ears(deps, look);
  return {
    async key() {
      const { recipient } = deps.webhooks;
      return recipient === undefined ? {} : { public_key: recipient.publicKey };
    },
    async subscribe(asked, { principal }) {
      const { subject, grant_id: grantId, client = '' } = principal;
      const answer = await subscribe(parts, asked, { subject, grantId, client });
      ears.know(subject);
      return answer;
    },
    async unsubscribe({ name, arguments: args, url }, { principal: { subject } }) {
      const id = idOf(subject, { name, arguments: args, url });
      return { found: await endSubscription(database, id, now()) };
    },
    async look() {
      ears.replace(await listSubscribers(database.queries));
      if (ears.isIdle) return;
      await look();
      await sweepSubscriptions(database.queries, now() - keptAfterMs);
    },
    close: () => ears.close(),
  };
}

/** Hears of what happens to those who are told of it, and gathers what happens at one moment. */
class Ears {
  readonly #deps: InferenceDeps;
  readonly #look: (subject: string) => Promise<void>;
  readonly #heard: { unsubscribe(): void }[];
  #subjects = new Set<string>();
  readonly #due = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: InferenceDeps, look: (subject: string) => Promise<void>) {
    this.#deps = deps;
    this.#look = look;
    const { bus } = deps;
    this.#heard = [
      bus.on(runProgressed, ({ subject }) => this.#hear(subject)),
      bus.on(runFinished, ({ subject }) => this.#hear(subject)),
      bus.on(catalogChanged, () => {
        for (const subject of this.#subjects) this.#hear(subject);
      }),
    ];
  }

  get isIdle(): boolean {
    return this.#subjects.size === 0;
  }

  know(subject: string): void {
    this.#subjects.add(subject);
  }

  replace(subjects: Set<string>): void {
    this.#subjects = subjects;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#heard) subscription.unsubscribe();
  }

  #hear(subject: string): void {
    if (!this.#subjects.has(subject)) return;
    this.#due.add(subject);
    this.#timer ??= setTimeout(() => this.#lookAtAll(), gatherMs).unref();
  }

  #lookAtAll(): void {
    this.#timer = undefined;
    const due = [...this.#due];
    this.#due.clear();
    for (const subject of due) {
      this.#look(subject).catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, 'subscriptions to events could not be looked at'),
      );
    }
  }
}

/** One address is told of one thing once, whoever asks how often. */
function idOf(
  subject: string,
  { name, arguments: args, url }: Pick<Asked, 'name' | 'arguments' | 'url'>,
): string {
  const key = canonical([subject, url, name, args]);
  return `sub_${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

interface Subscriber {
  subject: string;
  grantId: string;
  client: string;
}

async function subscribe(parts: EventParts, asked: Asked, subscriber: Subscriber): Promise<Answer> {
  const { deps } = parts;
  const { queries } = deps.database;
  const { subject } = subscriber;
  const { recipient } = deps.webhooks;
  if (recipient === undefined) return { refusal: { kind: 'not_offered' } };
  const problem = webhookProblem(asked.url, deps.webhooks);
  if (problem !== undefined)
    throw validationFailed('events/subscribe', [{ ...problem, path: 'delivery.url' }]);
  const secret = recipient.open(asked.secret, eventSecretPurpose);
  const now = deps.now();
  const id = idOf(subject, asked);
  const known = await findSubscription(queries, id);
  const isLive = known !== undefined && known.ended_at === null && known.expires_at > now;
  const expiresAt = now + grantedMs(asked.ttl_ms);
  if (isLive) {
    await renewSubscription(queries, id, { expires_at: expiresAt, ...rotated(parts, known, { asked, now }) });
    return { subscription: await renewed(deps, known, expiresAt) };
  }
  const { open, isVerified } = await readSubscriber(queries, { subject, url: asked.url, now });
  if (open >= maxSubscriptions)
    return { refusal: { kind: 'exhausted', limit: 'subscriptions', max: maxSubscriptions } };
  if (!isVerified) {
    const failure = await verify(parts, { url: asked.url, secret, id });
    if (failure !== undefined) return { refusal: failure };
  }
  const { name, arguments: args, cursor, max_age_ms: maxAgeMs } = asked;
  const wanted = { name, arguments: args, cursor, max_age_ms: maxAgeMs, limit: eventsAtOnce };
  const page = await readEventsFor(deps, subscriber, wanted);
  const from = cursor ?? page.cursor;
  await putSubscription(queries, {
    ...{ subscription_id: id, subject, client: subscriber.client, grant_id: subscriber.grantId },
    ...{ name, arguments: canonical(args), url: asked.url, secret: JSON.stringify(asked.secret) },
    ...{ secret_before: null, secret_until: null, position: from, settled: from, created_at: now },
    ...{ expires_at: expiresAt, next_look_at: now, ended_at: null },
  });
  // What was missed is told from now on; how far back is a question of the beginning alone.
  const row = await findSubscription(queries, id);
  if (row !== undefined && page.events.length > 0) await write(deps, row, { ...page, settled: from });
  const cut = page.truncated ? page.cursor : from;
  return {
    subscription: {
      ...{ id, refresh_before: toRfc3339(expiresAt), cursor: cut, truncated: page.truncated },
      is_renewed: false,
    },
  };
}

/** What is wanted, within bounds: none is kept without an end. */
function grantedMs(ttlMs: number | null | undefined): number {
  if (ttlMs === undefined) return defaultTtlMs;
  return ttlMs === null ? mostTtlMs : Math.min(Math.max(ttlMs, leastTtlMs), mostTtlMs);
}

/** A new secret in place of the one of before, by which messages are signed for a while as well. */
function rotated(
  { deps }: EventParts,
  known: EventSubscriptionRow,
  { asked, now }: { asked: Asked; now: number },
): Pick<EventSubscriptionRow, 'secret' | 'secret_before' | 'secret_until'> {
  const { secret, secret_before: before, secret_until: until } = known;
  const { recipient } = deps.webhooks;
  const given = recipient?.open(asked.secret, eventSecretPurpose);
  const isSame = given?.reveal() === openSecret(deps, secret)?.reveal();
  if (isSame) return { secret, secret_before: before, secret_until: until };
  return { secret: JSON.stringify(asked.secret), secret_before: secret, secret_until: now + rotationMs };
}

function openSecret({ webhooks }: Pick<InferenceDeps, 'webhooks'>, sealed: string): Secret | undefined {
  try {
    // as: only what was parsed as one is written.
    return webhooks.recipient?.open(JSON.parse(sealed) as SealedText, eventSecretPurpose);
  } catch {
    // It was sealed before the deployment's secret was changed: the next renewal brings one that opens.
    return undefined;
  }
}

/** By what a message of a subscription is signed now: by the secret, and for a while by the one before it. */
export function secretsOf(
  deps: Pick<InferenceDeps, 'webhooks' | 'now'>,
  row: Pick<EventSubscriptionRow, 'secret' | 'secret_before' | 'secret_until'>,
): Secret[] {
  const { secret, secret_before: before, secret_until: until } = row;
  const isRotating = before !== null && (until ?? 0) > deps.now();
  return [secret, ...(isRotating ? [before] : [])].flatMap((sealed) => openSecret(deps, sealed) ?? []);
}

async function renewed(
  { database }: InferenceDeps,
  { subscription_id: id, position, settled }: EventSubscriptionRow,
  expiresAt: number,
): Promise<NonNullable<Answer['subscription']>> {
  const health = await readSubscriberHealth(database.queries, id);
  const { pending, deliveredAt, failing } = health;
  return {
    ...{ id, refresh_before: toRfc3339(expiresAt), truncated: false, is_renewed: true },
    cursor: pending === 0 ? position : settled,
    ...(deliveredAt === undefined ? {} : { last_delivery_at: toRfc3339(deliveredAt) }),
    ...(failing === undefined
      ? {}
      : { last_error: failureOf(failing), failed_since: toRfc3339(failing.since) }),
  };
}

/** In the words of the extension: never the receiver's. */
function failureOf({
  status,
  problem,
}: Pick<NonNullable<SubscriberHealth['failing']>, 'status' | 'problem'>): CallbackFailure {
  if (status !== null) return status >= 500 ? 'http_5xx' : 'http_4xx';
  if (problem === 'timeout' || problem === 'tls_error') return problem;
  return 'connection_refused';
}

/** Asks whoever is at an address whether they want to be told: nobody is sent anything who has not said so. */
async function verify(
  { post, limits }: EventParts,
  { url, secret, id }: { url: string; secret: Secret; id: string },
): Promise<Answer['refusal']> {
  const { host } = new URL(url);
  const key = `event-verification ${host}`;
  const { isAllowed } = await limits.hit({ key, rule: verifications });
  if (!isAllowed) return { kind: 'exhausted', limit: 'verifications', max: verifications.limit };
  const challenge = randomBytes(challengeBytes).toString('base64url');
  const { status, problem, text } = await post({
    ...{ url, secrets: [secret], messageId: `msg_verification_${randomBytes(9).toString('hex')}` },
    body: JSON.stringify({ type: 'verification', challenge }),
    headers: { 'x-mcp-subscription-id': id },
    readsReply: true,
  });
  if (problem !== null) return { kind: 'unreachable', reason: failureOf({ status, problem }) };
  const isMeant = isSameText(challengeIn(text), challenge);
  return isMeant ? undefined : { kind: 'unreachable', reason: 'challenge_failed' };
}

function challengeIn(text: string): string {
  try {
    const reply: unknown = JSON.parse(text);
    const { challenge } = Object(reply);
    return typeof challenge === 'string' ? challenge : '';
  } catch {
    // It is no answer to the question.
    return '';
  }
}

/** Writes what has happened since a subscription was told last; true where there is something to send. */
async function tell(deps: InferenceDeps, row: EventSubscriptionRow): Promise<boolean> {
  const { database, now } = deps;
  const { queries } = database;
  const id = row.subscription_id;
  if (row.expires_at <= now()) {
    await endSubscription(database, id, now());
    return false;
  }
  if (await isGrantRevoked(queries, row.grant_id)) return terminate(deps, row);
  let isTold = false;
  for (let at = row; ; ) {
    const { pending } = await readSubscriberHealth(queries, id);
    // as: only names and arguments that were parsed are written.
    const asked = {
      name: at.name as ClientEventName,
      arguments: JSON.parse(at.arguments) as Asked['arguments'],
    };
    const { subject, client, position } = at;
    const wanted = { ...asked, cursor: position, max_age_ms: undefined, limit: eventsAtOnce };
    const page = await readEventsFor(deps, { subject, client }, wanted);
    const settled = pending === 0 ? position : at.settled;
    const isWritten = await write(deps, at, { ...page, settled });
    if (!isWritten) return isTold;
    isTold ||= page.events.length > 0 || page.truncated;
    if (!page.has_more) return isTold;
    at = { ...at, position: page.cursor, settled };
  }
}

interface Page {
  events: readonly ClientEvent[];
  cursor: string;
  truncated: boolean;
  /** Up to where everything was taken or given up: what its receiver may keep. */
  settled: string;
}

function write(deps: InferenceDeps, row: EventSubscriptionRow, page: Page): Promise<boolean> {
  const { events, cursor, truncated, settled } = page;
  const gap = { type: 'gap', cursor };
  const messages = [
    ...events.map((event) => ({ id: event.event_id, body: occurrenceOf(event, settled), event })),
    ...(truncated ? [{ id: `msg_gap_${randomBytes(9).toString('hex')}`, body: gap, event: undefined }] : []),
  ];
  return tellSubscriber(deps.database, {
    id: row.subscription_id,
    from: row.position,
    to: { position: cursor, settled },
    deliveries: messages.map(({ id, body, event }) => messageRow(deps, row, { id, body, event })),
  });
}

function occurrenceOf({ event_id: eventId, name, timestamp, data }: ClientEvent, cursor: string): object {
  return { eventId, name, timestamp, data, cursor };
}

function messageRow(
  { now }: InferenceDeps,
  { subscription_id: id, subject, url }: EventSubscriptionRow,
  message: { id: string; body: object; event: ClientEvent | undefined },
) {
  const runId = message.event?.data.run_id;
  // The same event of the same subscription is the same row, whoever writes it.
  const hash = createHash('sha256').update(`${id} ${message.id}`).digest('base64url').slice(0, 22);
  return {
    ...{ delivery_id: `evt_${hash}`, run_id: typeof runId === 'string' ? runId : '', url },
    ...{ body: JSON.stringify(message.body), attempts: 0, next_attempt_at: now(), created_at: now() },
    ...{ subject, subscription_id: id, message_id: message.id },
    ...{ lease_until: null, delivered_at: null, last_status: null },
  };
}

/** What its subscriber was let in by is gone: the receiver hears that, and nothing after it. */
async function terminate(deps: InferenceDeps, row: EventSubscriptionRow): Promise<boolean> {
  const { database, now } = deps;
  const ended = await endSubscription(database, row.subscription_id, now());
  if (!ended) return false;
  const body = { type: 'terminated', error: { code: -32_012, message: 'The access was revoked.' } };
  const id = `${terminatedPrefix}${randomBytes(9).toString('hex')}`;
  await database.queries
    .insertInto('webhook_deliveries')
    .values(messageRow(deps, row, { id, body, event: undefined }))
    .execute();
  return true;
}

export const terminatedPrefix = 'msg_terminated_';

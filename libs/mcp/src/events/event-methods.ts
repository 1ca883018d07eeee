/**
 * The Events extension (`io.modelcontextprotocol/events`): the types of events, what happened since a cursor, a stream of it, and
 * addresses that are told of it. A poll says where it goes on, a stream lives as long as its connection; who is told by webhook
 * is kept by the owner of events.
 */
import type { Bus } from '@inferry/bus';
import {
  type ClientEventName,
  clientEvents,
  eventSecretPurpose,
  hasScope,
  isObject,
  type JsonObject,
  listedClientEvent,
  readClientEvents,
  readEventKey,
  Secret,
  subscribeClientEvents,
  toAppError,
  unsubscribeClientEvents,
} from '@inferry/contracts';
import { sealText } from '@inferry/seals';
import type { z } from 'zod';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { isRefusal, notificationText, type Refusal, refuse, refuseParams, rpcCodes } from '../json-rpc.ts';
import { cursorOf, refuseCursor } from '../lists.ts';
import { metaKeys } from '../versions.ts';
import type { EventStreams } from './event-streams.ts';

export const eventsExtension = 'io.modelcontextprotocol/events';

/** Codes of the extension's draft, in the range that JSON-RPC leaves to servers. */
const eventCodes = {
  notFound: -32_011,
  forbidden: -32_012,
  exhausted: -32_013,
  unsupported: -32_014,
  callback: -32_015,
} as const;

export interface EventDeps {
  bus: Bus;
  eventStreams: EventStreams;
}

const names = Object.keys(clientEvents) as ClientEventName[];
const defaultEvents = 50;
const maxEvents = 100;
/** How long a poller is to wait, and a stream at most between two looks, each of which is a sign of life. */
const nextPollMs = 5_000;
const heartbeatMs = 20_000;
const retryMs = 1_000;
const maxUrl = 2_000;

/** Of the modern era alone. */
export function eventMethods(deps: EventDeps): [string, Method][] {
  return [
    ['events/list', offered(listEvents)],
    ['events/poll', offered(poll(deps))],
    ['events/stream', offered(stream(deps))],
    ['events/subscribe', offered(subscribe(deps))],
    ['events/unsubscribe', offered(unsubscribe(deps))],
  ];
}

const notServed = refuse(['method_not_found', 'This method is not served here.'], {
  rpcCode: rpcCodes.methodNotFound,
});

/** Where the mount says that it has them. */
function offered(method: Method): Method {
  return (exchange) => {
    const { extensions } = exchange.offer.identity.capabilities.modern;
    return extensions !== undefined && Object.hasOwn(extensions, eventsExtension)
      ? method(exchange)
      : notServed;
  };
}

/** Those that the caller's scopes open. */
function listEvents(exchange: Exchange): Reply {
  if (cursorOf(exchange) !== undefined) return refuseCursor();
  const open = names.filter((name) => hasScope(exchange.principal.scopes, clientEvents[name].scope));
  const hasWebhooks = isKnown(exchange);
  return JSON.stringify({ events: open.map((name) => listedClientEvent(name, { hasWebhooks })) });
}

interface Asked {
  name: ClientEventName;
  arguments: { run_id?: string; provider?: string };
  cursor: string | null;
  maxAgeMs: number | undefined;
  limit: number;
}

function poll({ bus }: EventDeps): Method {
  return async (exchange) => {
    const asked = readAsked(exchange);
    if (isRefusal(asked)) return asked satisfies Refusal;
    const page = await read(bus, exchange, asked);
    if (isRefusal(page)) return page satisfies Refusal;
    return JSON.stringify({
      events: page.events.map(toOccurrence),
      cursor: page.cursor,
      truncated: page.truncated,
      hasMore: page.has_more,
      nextPollMs,
    });
  };
}

function readAsked({ request: { params }, principal }: Exchange): Asked | Refusal {
  const { name, arguments: given = {}, cursor = null, maxAgeMs, maxEvents: most = defaultEvents } = params;
  const known = names.find((one) => one === name);
  if (known === undefined) {
    return refuse(['resource_not_found', 'There is no such event.'], {
      ...{ rpcCode: eventCodes.notFound, nextAction: 'events/list names them.', data: { kind: 'event' } },
    });
  }
  const { scope, input } = clientEvents[known];
  if (!hasScope(principal.scopes, scope)) {
    return refuse(['insufficient_scope', `This event needs the scope ${scope}.`], {
      ...{ rpcCode: eventCodes.forbidden, data: { required_scope: scope } },
    });
  }
  const args = isObject(given) ? input.strict().safeParse(given) : undefined;
  if (args?.success !== true)
    return refuseParams(['validation_failed', 'params.arguments are not of this event.']);
  if (cursor !== null && typeof cursor !== 'string') return refuseAsked('cursor must be a string or null');
  if (maxAgeMs !== undefined && maxAgeMs !== null && !isCount(maxAgeMs))
    return refuseAsked('maxAgeMs must be a whole number');
  if (!isCount(most) || most === 0) return refuseAsked('maxEvents must be a whole number');
  return {
    name: known,
    arguments: args.data,
    cursor,
    maxAgeMs: isCount(maxAgeMs) ? maxAgeMs : undefined,
    limit: Math.min(most, maxEvents),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function refuseAsked(problem: string): Refusal {
  return refuseParams(['validation_failed', `params.${problem}.`]);
}

type Page = z.infer<typeof readClientEvents.output>;

async function read(
  bus: Bus,
  { principal }: Pick<Exchange, 'principal'>,
  { name, arguments: args, cursor, maxAgeMs, limit }: Asked,
): Promise<Page | Refusal> {
  const input = {
    name,
    arguments: args,
    cursor,
    limit,
    ...(maxAgeMs !== undefined && { max_age_ms: maxAgeMs }),
  };
  try {
    return await bus.call(readClientEvents, input, { principal });
  } catch (error) {
    const { code, message, nextAction } = toAppError(error);
    const told = nextAction === undefined ? {} : { nextAction };
    if (code === 'invalid_cursor') return refuseParams([code, message], told);
    return refuse([code, message], { rpcCode: rpcCodes.internal, ...told });
  }
}

function toOccurrence({ event_id: eventId, name, timestamp, data }: Page['events'][number]): JsonObject {
  return { eventId, name, timestamp, data };
}

/** Whoever needs no credential is nobody to whom an address could belong. */
function isKnown({ principal }: Pick<Exchange, 'principal'>): boolean {
  return principal.kind !== 'local';
}

const noWebhooks = refuse(['validation_failed', 'Events are polled or streamed here.'], {
  rpcCode: eventCodes.unsupported,
  nextAction: 'Use events/poll or events/stream.',
  data: { feature: 'deliveryMode', value: 'webhook' },
});

const unknownCaller = refuse(['forbidden', 'Webhooks are for callers with a credential.'], {
  rpcCode: eventCodes.forbidden,
  nextAction: 'Use events/poll or events/stream.',
});

interface Delivery {
  url: string;
  /** Where it is to be told of. */
  secret: string;
}

/** `whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks has it. */
function isSigningSecret(text: unknown): text is string {
  if (typeof text !== 'string' || !/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text)) return false;
  const { length } = Buffer.from(text.slice('whsec_'.length), 'base64');
  return length >= 24 && length <= 64;
}

function readDelivery(params: JsonObject, { isNew }: { isNew: boolean }): Delivery | Refusal {
  const { delivery } = params;
  if (!isObject(delivery)) return refuseAsked('delivery must be an object');
  const { mode = 'webhook', url, secret } = delivery;
  if (mode !== 'webhook')
    return { ...noWebhooks, data: { ...noWebhooks.data, value: String(mode).slice(0, 40) } };
  if (typeof url !== 'string' || url.length > maxUrl)
    return refuseAsked('delivery.url must be an https address');
  if (!isNew) return { url, secret: '' };
  if (!isSigningSecret(secret))
    return refuseAsked('delivery.secret must be whsec_ and the base64 of 24 to 64 random bytes');
  return { url, secret };
}

function subscribe({ bus }: EventDeps): Method {
  return async (exchange) => {
    if (!isKnown(exchange)) return unknownCaller;
    const asked = readAsked(exchange);
    if (isRefusal(asked)) return asked satisfies Refusal;
    const { params } = exchange.request;
    const delivery = readDelivery(params, { isNew: true });
    if (isRefusal(delivery)) return delivery satisfies Refusal;
    const { ttlMs } = params;
    if (ttlMs !== undefined && ttlMs !== null && !isCount(ttlMs))
      return refuseAsked('ttlMs must be a whole number or null');
    const { principal } = exchange;
    return answered(async () => {
      const { public_key: key } = await bus.call(readEventKey, {}, { principal });
      if (key === undefined) return noWebhooks;
      const { name, arguments: args, cursor, maxAgeMs } = asked;
      const answer = await bus.call(
        subscribeClientEvents,
        {
          ...{ name, arguments: args, url: delivery.url, cursor },
          // Nobody on the way reads what messages are signed with.
          secret: sealText(new Secret(delivery.secret), key, eventSecretPurpose),
          ...(maxAgeMs !== undefined && { max_age_ms: maxAgeMs }),
          ...(isCount(ttlMs) || ttlMs === null ? { ttl_ms: ttlMs } : {}),
        },
        { principal },
      );
      return answer.subscription === undefined
        ? refusalOf(answer.refusal)
        : JSON.stringify(toSubscription(answer.subscription));
    });
  };
}

type SubscribeAnswer = z.infer<typeof subscribeClientEvents.output>;

function refusalOf(refusal: SubscribeAnswer['refusal']): Refusal {
  if (refusal?.kind === 'unreachable') {
    return refuse(['validation_failed', 'The callback did not answer as one that wants to be told.'], {
      ...{ rpcCode: eventCodes.callback, data: { reason: refusal.reason } },
      nextAction:
        'It has to answer a message of type verification with its challenge, {"challenge": "…"}, and status 200.',
    });
  }
  if (refusal?.kind === 'exhausted') {
    const { limit, max } = refusal;
    return refuse(['busy', `There are too many ${limit}.`], {
      ...{ rpcCode: eventCodes.exhausted, retryAfterSeconds: 60, data: { limit, max } },
    });
  }
  return noWebhooks;
}

function toSubscription(told: NonNullable<SubscribeAnswer['subscription']>): JsonObject {
  const { id, refresh_before: refreshBefore, cursor, truncated, is_renewed: isRenewed } = told;
  const deliveryStatus = {
    active: true,
    lastDeliveryAt: told.last_delivery_at ?? null,
    lastError: told.last_error ?? null,
    ...(told.failed_since !== undefined && { failedSince: told.failed_since }),
  };
  return { id, refreshBefore, cursor, truncated, ...(isRenewed && { deliveryStatus }) };
}

function unsubscribe({ bus }: EventDeps): Method {
  return async (exchange) => {
    if (!isKnown(exchange)) return unknownCaller;
    const asked = readAsked(exchange);
    if (isRefusal(asked)) return asked satisfies Refusal;
    const delivery = readDelivery(exchange.request.params, { isNew: false });
    if (isRefusal(delivery)) return delivery satisfies Refusal;
    const { name, arguments: args } = asked;
    const { principal } = exchange;
    return answered(async () => {
      const wanted = { name, arguments: args, url: delivery.url };
      const { found } = await bus.call(unsubscribeClientEvents, wanted, { principal });
      return found ? '{}' : noSubscription;
    });
  };
}

const noSubscription = refuse(['resource_not_found', 'There is no such subscription.'], {
  ...{ rpcCode: eventCodes.notFound, data: { kind: 'subscription' } },
});

async function answered(ask: () => Promise<Reply | Refusal>): Promise<Reply | Refusal> {
  try {
    return await ask();
  } catch (error) {
    const { code, message, nextAction, details } = toAppError(error);
    const told = nextAction === undefined ? {} : { nextAction };
    if (code === 'invalid_cursor' || code === 'validation_failed')
      return refuseParams([code, message], { ...told, ...(details !== undefined && { data: { details } }) });
    return refuse([code, message], { rpcCode: rpcCodes.internal, ...told });
  }
}

const full = refuse(['busy', 'Too many streams of events are open.'], {
  ...{ rpcCode: eventCodes.exhausted, retryAfterSeconds: 30, data: { limit: 'streams' } },
  nextAction: 'Close one of them, or poll.',
});

const noStream = refuse(['validation_failed', 'This request takes no stream.'], {
  ...{ rpcCode: eventCodes.unsupported, data: { feature: 'deliveryMode', value: 'push' } },
  nextAction: 'Accept text/event-stream, or poll.',
});

function stream({ bus, eventStreams }: EventDeps): Method {
  return async (exchange) => {
    const asked = readAsked(exchange);
    if (isRefusal(asked)) return asked satisfies Refusal;
    const { channel, principal } = exchange;
    if (!channel.canStream) return noStream;
    if (eventStreams.isFull(principal.subject)) return full;
    const first = await read(bus, exchange, { ...asked, limit: maxEvents });
    if (isRefusal(first)) return first satisfies Refusal;
    // Others came while it was read.
    if (eventStreams.isFull(principal.subject)) return full;
    await new EventStream(exchange, bus, asked).tell(first, eventStreams);
    return channel.stopReason === 'gone' || channel.stopReason === 'cancelled' ? undefined : '{}';
  };
}

/** One open stream. A client that does not read is told later, from where it was: nothing is gathered for it. */
class EventStream {
  readonly #exchange: Exchange;
  readonly #bus: Bus;
  readonly #asked: Asked;
  readonly #pace = new Pace();
  /** What it was told last. */
  #position: string;

  constructor(exchange: Exchange, bus: Bus, asked: Asked) {
    this.#exchange = exchange;
    this.#bus = bus;
    // How far back is looked is a question of the beginning alone.
    this.#asked = { ...asked, maxAgeMs: undefined, limit: maxEvents };
    this.#position = asked.cursor ?? '';
  }

  async tell(first: Page, streams: EventStreams): Promise<void> {
    const { channel, principal } = this.#exchange;
    const { life } = channel;
    const pace = this.#pace;
    if (life.isCancelled || life.isFinishing) return;
    const stop = { cancel: () => pace.end(), finish: () => pace.end() };
    life.attach(stop);
    const close = streams.open(principal.subject, () => pace.wake());
    try {
      channel.open();
      await this.#begin(first);
      for (let page: Page | undefined = first; !pace.isOver; page = await this.#readOn())
        await this.#turn(page);
    } finally {
      close();
      life.detach(stop);
    }
  }

  async #begin({ cursor, truncated }: Page): Promise<void> {
    if (this.#position === '') this.#position = cursor;
    const active = { cursor: this.#position, truncated };
    while (!this.#pace.isOver && !this.#send('active', active)) await this.#pace.rest(retryMs);
  }

  /** Tells a page and rests until there may be more; what was not read is told again from the same place. */
  async #turn(page: Page | undefined): Promise<void> {
    if (page === undefined || !this.#tellPage(page)) return void (await this.#pace.rest(retryMs));
    this.#position = page.cursor;
    if (page.has_more || (await this.#pace.rest(heartbeatMs)) === 'stirred') return;
    this.#send('heartbeat', { cursor: this.#position });
  }

  async #readOn(): Promise<Page | undefined> {
    const page = await read(this.#bus, this.#exchange, { ...this.#asked, cursor: this.#position });
    if (isRefusal(page)) {
      this.#send('error', { error: { code: page.code, message: page.message } });
      return undefined;
    }
    if (page.truncated) this.#send('active', { cursor: this.#position, truncated: true });
    return page;
  }

  /** Each but the last says where its page began: whoever breaks off in between is told the page again, by the same ids. */
  #tellPage({ events, cursor }: Page): boolean {
    return events.every((event, at) =>
      this.#send('event', {
        ...toOccurrence(event),
        cursor: at === events.length - 1 ? cursor : this.#position,
      }),
    );
  }

  #send(event: string, params: JsonObject): boolean {
    const meta = { [metaKeys.subscriptionId]: this.#exchange.request.id };
    const text = notificationText(`notifications/events/${event}`, { ...params, _meta: meta });
    return this.#exchange.channel.notify(text);
  }
}

/** Rests that end early when there may be something to tell, or when nobody listens any more. */
class Pace {
  isOver = false;
  #isWoken = false;
  #stir: (() => void) | undefined;

  wake(): void {
    this.#isWoken = true;
    this.#stir?.();
  }

  end(): void {
    this.isOver = true;
    this.#stir?.();
  }

  async rest(ms: number): Promise<'rested' | 'stirred'> {
    if (!this.#isWoken && !this.isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#stir = resolve;
      await promise;
      clearTimeout(timer);
      this.#stir = undefined;
    }
    const isStirred = this.#isWoken || this.isOver;
    this.#isWoken = false;
    return isStirred ? 'stirred' : 'rested';
  }
}

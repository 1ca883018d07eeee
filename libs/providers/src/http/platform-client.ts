/** Every call to a platform: a deadline, a bound on the answer, a schema, and the key to its own hosts alone. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isPublicAddress, writeJson } from '@inferry/contracts';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import type { z } from 'zod';
import { classifyFailure, type FailureRule, type Purpose } from '../errors/index.ts';
import type { ProviderContext } from '../provider.ts';
import { type Address, type AddressRequest, type AddressRules, toAddress } from './bases.ts';
import type { Call, Reply } from './call.ts';
import { readProxies } from './config.ts';
import { type OpenSocketOptions, openSocket, type PlatformSocket } from './platform-socket.ts';
import {
  malformed,
  parseBody,
  parseJson,
  readable,
  readEvents,
  type ServerSentEvent,
} from './read-answer.ts';
import {
  bounded,
  type Deadline,
  deadlineAfter,
  deadlineOf,
  type Overdue,
  readBytes,
  readWhole,
  sendOnce,
  unpacked,
} from './send-once.ts';
import { toTransportError } from './transport-failure.ts';

export interface PlatformClientOptions extends AddressRules {
  /** The headers that carry a key; it is called only for addresses that may have it. */
  authorize?: (key: string) => Readonly<Record<string, string>>;
  /** The platform's own reading of its errors. */
  rule?: FailureRule | undefined;
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>>;
  /** Of a whole call, body included. Default 30 s. */
  timeoutMs?: number;
  /** The largest JSON reply. Default 16 MiB. */
  maxReplyBytes?: number;
  /** Further tries of a read. Default 2. A submit or a change has none. */
  readRetries?: number;
  /** Wait before the first of them; it doubles, and half of it is random. Default 250 ms. */
  retryBaseMs?: number;
  random?: () => number;
}

const maxErrorBytes = 256 << 10;
const maxDefaultBytes = 16 << 20;

/**
 * HTTP towards one platform. Every call has a deadline and a bound on its reply, is parsed with a zod schema, follows no
 * redirect, and carries the key only to the platform's own hosts. No trace context leaves. It throws `AppError` only.
 */
export class PlatformClient {
  readonly #options: PlatformClientOptions;
  readonly #dispatchers = new Dispatchers();

  constructor(options: PlatformClientOptions) {
    this.#options = options;
  }

  /** A read: tried again, with growing waits, while the platform is not available. Default method `GET`. */
  async read<T>(schema: z.ZodType<T>, call: Call, context: ProviderContext): Promise<Reply<T>> {
    const { readRetries = 2, retryBaseMs = 250, random = Math.random } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#json(schema, { method: 'GET', ...call }, { context, purpose: 'read' });
      } catch (error) {
        if (attempt >= readRetries || context.signal.aborted || !isTransient(error)) throw error;
        const waitMs = retryBaseMs * 2 ** attempt * (0.5 + random() / 2);
        await sleep(waitMs, undefined, { signal: context.signal }).catch(() => undefined);
      }
    }
  }

  /** Starts a paid job: sent once. What it throws tells a refusal from an unknown fate (see `provider.ts`). */
  submit<T>(schema: z.ZodType<T>, call: Call, context: ProviderContext): Promise<Reply<T>> {
    return this.#json(schema, { method: 'POST', ...call }, { context, purpose: 'submit' });
  }

  /** Anything else that changes something: a cancel, an upload. Sent once. */
  change<T>(schema: z.ZodType<T>, call: Call, context: ProviderContext): Promise<Reply<T>> {
    return this.#json(schema, { method: 'POST', ...call }, { context, purpose: 'change' });
  }

  /** Content as bytes, up to `maxBytes`. */
  async content(
    call: Call & { purpose?: Purpose },
    context: ProviderContext,
  ): Promise<Reply<Uint8Array<ArrayBuffer>>> {
    const { purpose = 'read' } = call;
    const deadline = this.#wholeDeadline(call, context);
    const { signal } = deadline;
    try {
      const reply = await this.#send({ method: 'GET', ...call }, { context, purpose, signal });
      const { maxBytes = maxDefaultBytes } = call;
      const options = { encoding: reply.headers['content-encoding'], maxBytes, title: this.#options.title };
      return { ...reply, body: await readBytes(reply.body, options) };
    } catch (error) {
      throw this.#failed(error, { context, purpose, deadline: signal });
    } finally {
      deadline.clear();
    }
  }

  /** Content as it comes, up to `maxBytes`; the deadline covers the whole stream. */
  async stream(
    call: Call & { purpose?: Purpose },
    context: ProviderContext,
  ): Promise<Reply<AsyncIterable<Uint8Array>>> {
    const { purpose = 'read' } = call;
    const deadline = this.#deadline(call, context);
    const guard = (error: unknown) => this.#failed(error, { context, purpose, deadline });
    try {
      const reply = await this.#send({ method: 'GET', ...call }, { context, purpose, signal: deadline });
      const { maxBytes = maxDefaultBytes } = call;
      const options = { encoding: reply.headers['content-encoding'], maxBytes, title: this.#options.title };
      return { ...reply, body: guarded(bounded(reply.body, options), guard) };
    } catch (error) {
      throw guard(error);
    }
  }

  /** Server-sent events of a reply, as they come; the deadline covers the whole stream. */
  async events(
    call: Call & { purpose?: Purpose },
    context: ProviderContext,
  ): Promise<Reply<AsyncIterable<ServerSentEvent>>> {
    const headers = { accept: 'text/event-stream', 'accept-encoding': 'identity', ...call.headers };
    const reply = await this.stream({ maxBytes: 256 << 20, ...call, headers }, context);
    return { ...reply, body: readEvents(reply.body, this.#options.title) };
  }

  /** A web socket to the platform, under the same rules. */
  socket(
    call: Pick<Call, 'path' | 'base' | 'url' | 'query' | 'headers' | 'isKeyless'>,
    context: ProviderContext,
    options: OpenSocketOptions = {},
  ): Promise<PlatformSocket> {
    const address = this.#address(call, context);
    const headers = {
      ...this.#options.headers,
      ...call.headers,
      ...this.#keyHeaders(call, address, context),
    };
    const dispatcher = this.#dispatchers.of(address);
    return openSocket(
      { ...address, headers, dispatcher, signal: context.signal, title: this.#options.title },
      options,
    );
  }

  async close(): Promise<void> {
    await this.#dispatchers.close();
  }

  async #json<T>(
    schema: z.ZodType<T>,
    call: Call,
    { context, purpose }: { context: ProviderContext; purpose: Purpose },
  ): Promise<Reply<T>> {
    const { title } = this.#options;
    const toBody = (bytes: Buffer, status: number): T => {
      const parsed = schema.safeParse(readable(() => parseBody(bytes, call.integers), status, title));
      if (parsed.success) return parsed.data;
      throw malformed(title, status, parsed.error);
    };
    if (purpose === 'read') return this.#readJson(toBody, call, context);
    const deadline = this.#wholeDeadline(call, context);
    const { signal } = deadline;
    try {
      const reply = await this.#send(call, { context, purpose, signal });
      const options = { encoding: reply.headers['content-encoding'], title, maxBytes: this.#boundOf(call) };
      return { ...reply, body: toBody(await readBytes(reply.body, options), reply.status) };
    } catch (error) {
      throw this.#failed(error, { context, purpose, deadline: signal });
    } finally {
      deadline.clear();
    }
  }

  /** What may be asked again needs none of the care that a submit takes, and none of its streams. */
  async #readJson<T>(
    toBody: (bytes: Buffer, status: number) => T,
    call: Call,
    context: ProviderContext,
  ): Promise<Reply<T>> {
    const { title } = this.#options;
    const overdue: Overdue = { aborted: false };
    const isAnswer = (status: number) => isTaken(call, status);
    const boundOf = (status: number) => (isAnswer(status) ? this.#boundOf(call) : maxErrorBytes);
    try {
      const { url, dispatcher, ...options } = this.#requestOf(call, context);
      const { signal } = context;
      const timeoutMs = this.#timeoutOf(call);
      const reply = await readWhole({ url, options, dispatcher, signal, timeoutMs, boundOf }, overdue);
      const { status, headers } = reply;
      const bounds = { title, maxBytes: boundOf(status) };
      if (isAnswer(status)) return { status, headers, body: toBody(await unpacked(reply, bounds), status) };
      const bytes = await unpacked(reply, bounds).catch(() => Buffer.alloc(0));
      throw this.#refusal({ status, headers, bytes, path: url.pathname }, { call, context, purpose: 'read' });
    } catch (error) {
      throw this.#failed(error, { context, purpose: 'read', deadline: overdue });
    }
  }

  /** The head of a reply that is no failure, its body unread. */
  async #send(
    call: Call,
    { context, purpose, signal }: { context: ProviderContext; purpose: Purpose; signal: AbortSignal },
  ): Promise<Reply<Readable>> {
    const { title } = this.#options;
    const { url, ...options } = this.#requestOf(call, context);
    const reply = await (purpose === 'submit'
      ? sendOnce(url, { ...options, signal }, { title, guard: context.guard })
      : request(url, { ...options, signal }));
    const headers = flat(reply.headers);
    const { statusCode: status } = reply;
    if (isTaken(call, status)) return { status, headers, body: reply.body };
    const bounds = { encoding: headers['content-encoding'], maxBytes: maxErrorBytes, title };
    // What cannot be read of an error is no reason to hide its status.
    const bytes = await readBytes(reply.body, bounds).catch(() => Buffer.alloc(0));
    throw this.#refusal({ status, headers, bytes, path: url.pathname }, { call, context, purpose });
  }

  /** Where a call goes, and with what. */
  #requestOf(call: Call, context: ProviderContext) {
    const address = this.#address(call, context);
    return {
      url: address.url,
      method: call.method ?? 'GET',
      dispatcher: this.#dispatchers.of(address),
      headers: {
        accept: 'application/json',
        'accept-encoding': 'gzip',
        'user-agent': 'inferry',
        ...this.#options.headers,
        ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
        ...this.#keyHeaders(call, address, context),
      },
      body: bodyOf(call),
    };
  }

  /** What a reply means that is no answer. */
  #refusal(
    { status, headers, bytes, path }: Omit<Reply<unknown>, 'body'> & { bytes: Buffer; path: string },
    { call, context, purpose }: { call: Call; context: ProviderContext; purpose: Purpose },
  ): AppError {
    const { title, rule } = this.#options;
    if (status < 400) return redirected(title, status);
    const body = parseJson(bytes) ?? textOf(bytes);
    const secrets = secretsOf(context);
    return classifyFailure(
      { status, headers, body },
      { title, purpose, rule: call.rule ?? rule, secrets, path },
    );
  }

  #boundOf({ maxBytes }: Call): number {
    return maxBytes ?? this.#options.maxReplyBytes ?? maxDefaultBytes;
  }

  #timeoutOf({ timeoutMs }: Call): number {
    return timeoutMs ?? this.#options.timeoutMs ?? 30_000;
  }

  #address(call: AddressRequest, { baseUrl }: ProviderContext): Address {
    return toAddress({ ...call, connectionBase: baseUrl }, this.#options);
  }

  #keyHeaders(
    { isKeyless }: Call,
    address: Address,
    { credential }: ProviderContext,
  ): Record<string, string> {
    const { authorize, title } = this.#options;
    if (isKeyless === true || credential === undefined || authorize === undefined) return {};
    if (!address.takesKey) {
      throw new AppError(
        'url_rejected',
        `${title} named an address that is not its own; no key was sent there.`,
      );
    }
    return { ...authorize(credential.reveal()) };
  }

  /** Of a call whose answer is read before it returns. */
  #wholeDeadline(call: Call, { signal }: ProviderContext): Deadline {
    return deadlineOf(this.#timeoutOf(call), signal);
  }

  /** Of a stream, which goes on when the call has returned. */
  #deadline(call: Call, { signal }: ProviderContext): AbortSignal {
    return AbortSignal.any([signal, deadlineAfter(this.#timeoutOf(call))]);
  }

  #failed(
    error: unknown,
    { context, purpose, deadline }: { context: ProviderContext; purpose: Purpose; deadline: Overdue },
  ): AppError {
    const isCancelled = context.signal.aborted;
    const isOverdue = deadline.aborted && !isCancelled;
    return toTransportError(error, { title: this.#options.title, purpose, isCancelled, isOverdue });
  }
}

/** Whether a status is an answer to the call. */
function isTaken({ accept }: Call, status: number): boolean {
  return (status >= 200 && status < 300) || accept?.includes(status) === true;
}

const connectTimeoutMs = 10_000;
/** The largest message of a web socket. */
const maxSocketMessageBytes: number = 32 << 20;

/**
 * The connections of one adapter. They go through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, but for
 * this machine, and trust the system's authorities and those of `NODE_EXTRA_CA_CERTS`, which Node reads at its start.
 */
class Dispatchers {
  #anywhere: Dispatcher | undefined;
  #publicOnly: Dispatcher | undefined;

  of({ mayBePrivate }: { mayBePrivate: boolean }): Dispatcher {
    if (mayBePrivate) {
      this.#anywhere ??= createAgent();
      return this.#anywhere;
    }
    this.#publicOnly ??= createAgent(publicLookup);
    return this.#publicOnly;
  }

  async close(): Promise<void> {
    // Not `close`: a platform that is silent would hold the process up.
    await Promise.all([this.#anywhere?.destroy(), this.#publicOnly?.destroy()]);
  }
}

function createAgent(lookup?: LookupFunction): Dispatcher {
  const options = {
    connect: { timeout: connectTimeoutMs, ...(lookup && { lookup }) },
    // The deadline of a call covers its head and its body.
    headersTimeout: 0,
    bodyTimeout: 0,
    webSocket: { maxPayloadSize: maxSocketMessageBytes },
  };
  const proxies = readProxies();
  return proxies === undefined ? new Agent(options) : new EnvHttpProxyAgent({ ...options, ...proxies });
}

/** Fails when a name leads to a private address, at connect: a name may change between a check and its use. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, []);
    const first = addresses[0];
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      return callback(new AppError('url_rejected', 'A host is not on the public internet.'), []);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function redirected(title: string, upstreamStatus: number): AppError {
  return new AppError('upstream_malformed', `${title} answered with a redirect, which is never followed.`, {
    upstreamStatus,
  });
}

function isTransient(error: unknown): boolean {
  return (
    error instanceof AppError && (error.code === 'upstream_unavailable' || error.code === 'deadline_exceeded')
  );
}

function bodyOf({ json, form, bytes }: Call): NonNullable<Dispatcher.RequestOptions['body']> | null {
  if (json !== undefined) return writeJson(json);
  if (form !== undefined) return form;
  return bytes ?? null;
}

function textOf(bytes: Buffer): string | undefined {
  return bytes.byteLength === 0 ? undefined : bytes.toString('utf8');
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

async function* guarded<T>(
  source: AsyncIterable<T>,
  toError: (error: unknown) => AppError,
): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    throw toError(error);
  }
}

/** What must not come back in an error: the key, and each half of one such as `id:secret`. */
export function secretsOf({ credential }: ProviderContext): string[] {
  const key = credential?.reveal();
  return key === undefined ? [] : [key, ...key.split(':').filter((part) => part.length >= 8)];
}

import { AppError, toAppError } from '@inferry/contracts';
import {
  AuthorizationError,
  InvalidArgumentError,
  type Msg,
  type MsgHdrs,
  MsgHdrsImpl,
  type NatsConnection,
  PermissionViolationError,
  TimeoutError,
} from '@nats-io/nats-core';
import { type ConnectionOptions, connect } from '@nats-io/transport-node';
import type {
  IncomingMessage,
  MessageListener,
  OutgoingMessage,
  Transport,
  TransportSubscription,
} from '../transport.ts';
import { busRights } from './nats-users.ts';
import { Rights } from './rights.ts';

export interface NatsOptions {
  /** One or more `nats://host:port` or `tls://host:port`, comma-separated; credentials may stand in the URL. */
  url: string;
  /** Connection name in the server's monitoring. */
  name: string;
  /** The service, of whose rights the server is asked before it counts as ready; without it nothing is. */
  service?: string;
  /** How long the first connection, and each attempt after a loss, may take. */
  connectTimeoutMs?: number;
  /** A link that is cut in silence is noticed after three of these. */
  pingIntervalMs?: number;
  /** Told of what the server refuses later on, such as a subject without permission. */
  onError?: (error: unknown) => void;
}

/** A connection that is lost for less is no problem yet. */
const blipMs = 2_000;

/** A `Transport` over core NATS: no JetStream, nothing that a server of any version ignores in silence. */
export async function connectNats(options: NatsOptions): Promise<Transport> {
  const servers = toServers(options.url);
  const timeout = options.connectTimeoutMs ?? 5_000;
  try {
    const connection = await connect({
      ...servers,
      name: options.name,
      timeout,
      // A server that restarts is back within seconds; a replica never gives up on it, whatever it says meanwhile.
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 200,
      reconnectJitter: 200,
      // Sooner than callers take a responder for dead, so that they are told that the bus is away.
      pingInterval: options.pingIntervalMs ?? 1_500,
      maxPingOut: 2,
      noAsyncTraces: true,
    });
    return new NatsTransport(connection, options);
  } catch (cause) {
    const places = servers.servers.join(', ');
    throw new AppError('unavailable', `NATS at ${places} cannot be reached: ${reasonOf(cause, timeout)}.`, {
      retryAfterSeconds: 2,
      nextAction: 'Check NATS_URL and that the server is running.',
      cause,
    });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof AuthorizationError) return 'it refuses the credentials';
  if (error instanceof TimeoutError) return `no answer within ${timeoutMs} ms`;
  return 'the connection is refused';
}

type Servers = { servers: string[] } & Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'tls'>;

function toServers(list: string): Servers {
  const urls = list.split(',').map((item) => parseUrl(item.trim()));
  const servers: Servers = { servers: urls.map((url) => url.host) };
  if (urls.some((url) => url.protocol === 'tls:')) servers.tls = {};
  const first = urls[0];
  if (first === undefined || first.username === '') return servers;
  const user = decodeURIComponent(first.username);
  if (first.password === '') return { ...servers, token: user };
  return { ...servers, user, pass: decodeURIComponent(first.password) };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`);
  // The text itself may hold a password.
  if (url === null || url.host === '') throw new AppError('unavailable', 'NATS_URL is not a list of URLs.');
  return url;
}

class NatsTransport implements Transport {
  readonly #connection: NatsConnection;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<(isConnected: boolean) => void>();
  readonly #rights: Rights;
  #lostAt: number | undefined;
  #isLinked = true;
  #isClosing = false;

  constructor(connection: NatsConnection, { service = '', onError = () => undefined }: NatsOptions) {
    this.#connection = connection;
    this.#onError = onError;
    const asks = (busRights[service]?.asks ?? []).map(({ subject }) => subject);
    this.#rights = new Rights(connection, { asks, onRefused: onError });
    this.#watch().catch(onError);
  }

  get problem(): string | undefined {
    if (this.isConnected) return this.#rights.problem;
    // Calls are held for longer than this, so that a server that restarts is no reason to send callers elsewhere.
    const isBlip = !this.#isClosing && performance.now() - (this.#lostAt ?? 0) < blipMs;
    return isBlip ? undefined : 'not connected';
  }

  get isConnected(): boolean {
    return this.#isLinked && !this.#isClosing && !this.#connection.isClosed();
  }

  get maxPayloadBytes(): number {
    return this.#connection.info?.max_payload ?? 1_048_576;
  }

  publish({ subject, data, reply, headers }: OutgoingMessage): void {
    if (this.#isClosing || this.#connection.isClosed()) {
      throw new AppError('unavailable', 'The bus is closed.', { retryAfterSeconds: 1 });
    }
    try {
      // Encoded here: the client's own encoder takes several times as long.
      this.#connection.publish(subject, Buffer.from(data), {
        ...(reply === undefined ? {} : { reply }),
        ...(headers === undefined ? {} : { headers: toNatsHeaders(headers) }),
      });
    } catch (error) {
      throw toPublishError(error);
    }
  }

  subscribe(subject: string, listener: MessageListener, queue?: string): TransportSubscription {
    return this.#rights.listen(subject, () =>
      this.#connection.subscribe(subject, {
        ...(queue === undefined ? {} : { queue }),
        callback: (error, message) => {
          if (error === null || error === undefined) listener(new NatsMessage(message));
          // What the server refuses is told of by its status as well.
          else if (!this.#isClosing && !(error instanceof PermissionViolationError)) this.#onError(error);
        },
      }),
    );
  }

  onStatus(listener: (isConnected: boolean) => void): void {
    this.#listeners.add(listener);
  }

  flush(): Promise<void> {
    return this.#connection.flush();
  }

  /** Lets what was published leave, but never hangs on a server that is away. */
  async close(): Promise<void> {
    if (this.#connection.isClosed()) return;
    const flushed = this.isConnected ? this.#connection.flush().catch(() => undefined) : undefined;
    this.#isClosing = true;
    this.#rights.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 2_000);
    await Promise.race([flushed, promise]);
    clearTimeout(timer);
    await this.#connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') this.#setLinked(false);
      else if (status.type === 'reconnect') this.#setLinked(true);
      else if (status.type === 'error' && status.error instanceof PermissionViolationError)
        this.#rights.refuse(status.error);
      else if (status.type === 'error') this.#onError(status.error);
    }
    this.#setLinked(false);
  }

  #setLinked(value: boolean): void {
    if (this.#isLinked === value) return;
    this.#isLinked = value;
    this.#lostAt = value ? undefined : performance.now();
    if (this.#isClosing) return;
    for (const listener of this.#listeners) listener(value);
  }
}

function toPublishError(error: unknown): AppError {
  if (error instanceof InvalidArgumentError && error.message.includes('max_payload')) {
    return new AppError('message_too_large', 'The message is too large for the bus.', { cause: error });
  }
  return toAppError(error);
}

/** Names are ours, in the case in which they are read again: the client's `set` looks for other spellings of each. */
function toNatsHeaders(headers: Readonly<Record<string, string>>): MsgHdrs {
  const lists: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (/[\r\n]/.test(value)) throw new TypeError('the value of a header is one line');
    lists[name] = [value];
  }
  return MsgHdrsImpl.fromRecord(lists);
}

/** A message whose parts are decoded when they are asked for: a caller never reads the reply of an answer. */
class NatsMessage implements IncomingMessage {
  readonly data: string;
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
    this.data = message.string();
  }

  get subject(): string {
    return this.#message.subject;
  }

  get reply(): string | undefined {
    const { reply } = this.#message;
    return reply === undefined || reply === '' ? undefined : reply;
  }

  get isNoResponders(): boolean {
    return this.data === '' && this.#message.headers?.code === 503;
  }

  header(name: string): string | undefined {
    const value = this.#message.headers?.get(name);
    return value === undefined || value === '' ? undefined : value;
  }
}

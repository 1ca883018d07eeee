import { AppError } from '@inferry/contracts';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/nats-core';
import { connect, headers as natsHeaders } from '@nats-io/transport-node';
import type { IncomingMessage, MessageListener, Transport, TransportSubscription } from '../transport.ts';

export interface NatsOptions {
  /** One or more `nats://host:port`, comma-separated; credentials may stand in the URL. */
  url: string;
  /** Connection name in the server's monitoring. */
  name: string;
  /** How long the first connection may take. */
  connectTimeoutMs?: number;
}

/** A `Transport` over core NATS: no JetStream, nothing that a server of any version ignores in silence. */
export async function connectNats(options: NatsOptions): Promise<Transport> {
  const connection = await connect({
    ...toServers(options.url),
    name: options.name,
    timeout: options.connectTimeoutMs ?? 5_000,
    // A server that restarts is back within seconds; a replica never gives up on it.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    // A black-holed link is noticed within 4 s instead of minutes.
    pingInterval: 2_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
  return createTransport(connection);
}

function toServers(list: string): { servers: string[]; user?: string; pass?: string; token?: string } {
  const urls = list.split(',').map((item) => new URL(item.includes('://') ? item : `nats://${item}`));
  const servers = urls.map((url) => url.host);
  const first = urls[0];
  if (first === undefined || first.username === '') return { servers };
  const user = decodeURIComponent(first.username);
  if (first.password === '') return { servers, token: user };
  return { servers, user, pass: decodeURIComponent(first.password) };
}

function createTransport(connection: NatsConnection): Transport {
  const listeners = new Set<(isConnected: boolean) => void>();
  let isConnected = true;
  let isClosing = false;

  function setConnected(value: boolean): void {
    if (isConnected === value) return;
    isConnected = value;
    for (const listener of listeners) listener(value);
  }

  void watchStatus(connection, setConnected);

  return {
    get isConnected() {
      return isConnected && !isClosing;
    },
    get maxPayloadBytes() {
      return connection.info?.max_payload ?? 1_048_576;
    },
    publish({ subject, data, reply, headers }) {
      if (isClosing || connection.isClosed()) {
        throw new AppError('unavailable', 'The bus is closed.', { retryAfterSeconds: 1 });
      }
      connection.publish(subject, data, {
        ...(reply === undefined ? {} : { reply }),
        ...(headers === undefined ? {} : { headers: toNatsHeaders(headers) }),
      });
    },
    subscribe(subject, listener, queue) {
      return subscribe(connection, subject, { listener, queue });
    },
    onStatus(listener) {
      listeners.add(listener);
    },
    flush: () => connection.flush(),
    async close() {
      isClosing = true;
      if (!connection.isClosed()) await closeWithin(connection, 2_000);
    },
  };
}

function subscribe(
  connection: NatsConnection,
  subject: string,
  { listener, queue }: { listener: MessageListener; queue: string | undefined },
): TransportSubscription {
  const subscription = connection.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback: (error, message) => {
      if (error === null || error === undefined) listener(toIncoming(message));
    },
  });
  return {
    unsubscribe() {
      // Drained, so that calls already on their way to this process are still answered.
      subscription.drain().catch(() => {
        // The connection is gone, and the subscription with it.
      });
    },
  };
}

async function watchStatus(
  connection: NatsConnection,
  setConnected: (value: boolean) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect' || status.type === 'staleConnection') setConnected(false);
    if (status.type === 'reconnect') setConnected(true);
  }
  setConnected(false);
}

/** Lets what was published leave, but never hangs on a server that is away. */
async function closeWithin(connection: NatsConnection, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([connection.flush().catch(() => undefined), promise]);
  clearTimeout(timer);
  await connection.close();
}

function toNatsHeaders(headers: Readonly<Record<string, string>>): MsgHdrs {
  const result = natsHeaders();
  for (const [name, value] of Object.entries(headers)) result.set(name, value);
  return result;
}

function toIncoming(message: Msg): IncomingMessage {
  return {
    subject: message.subject,
    data: message.string(),
    reply: message.reply === '' ? undefined : message.reply,
    isNoResponders: message.headers?.code === 503 && message.data.length === 0,
    header(name) {
      const value = message.headers?.get(name);
      return value === undefined || value === '' ? undefined : value;
    },
  };
}

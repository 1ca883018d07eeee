import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';

export interface Target {
  host: string;
  port: number;
  /** Told to clients as `x-served-by`. */
  name?: string | undefined;
}

export interface RoundRobinProxy {
  port: number;
  close(): Promise<void>;
}

export interface ProxyOptions {
  host: string;
  port: number;
  /** Where its own connections come from, so that replicas know them; default: any. */
  localAddress?: string | undefined;
  /** The replicas that may answer this path, in a stable order. */
  targets(path: string): readonly Target[];
  /** True when every replica is ready: what `/healthz` here says. */
  isReady(): boolean;
}

/**
 * A strict round robin: request n goes to replica n modulo N, whoever sends it, so that anything sticky shows. It
 * neither buffers nor delays. A replica that refuses the connection is passed over, since nothing was sent to it; one
 * that breaks off is answered 502, since nobody knows what it did.
 */
export async function startRoundRobinProxy(options: ProxyOptions): Promise<RoundRobinProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4_096 });
  const turns = new Map<string, number>();
  // Longer than a replica keeps its connections, which is what a client may go by.
  const server = createServer(
    { noDelay: true, requestTimeout: 0, keepAliveTimeout: 90_000 },
    (incoming, outgoing) => {
      const path = incoming.url ?? '/';
      if (path === '/healthz') return answerHealth(outgoing, options.isReady());
      const targets = options.targets(path);
      const key = targets.map(({ port }) => port).join();
      const turn = turns.get(key) ?? 0;
      turns.set(key, turn + 1);
      const order = targets
        .map((_, index) => targets[(turn + index) % targets.length])
        .filter((target) => target !== undefined);
      forward({ incoming, outgoing, agent, localAddress: options.localAddress }, order);
    },
  );
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return { port: portOf(server), close: () => closeAll(server, agent) };
}

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  agent: Agent;
  localAddress: string | undefined;
}

function forward(exchange: Exchange, [target, ...others]: readonly Target[]): void {
  const { incoming, outgoing, agent, localAddress } = exchange;
  if (target === undefined) return refuse(outgoing, 503, 'no replica takes connections');
  const upstream = request({
    agent,
    localAddress,
    host: target.host,
    port: target.port,
    method: incoming.method,
    path: incoming.url,
    headers: {
      ...incoming.headers,
      // Nothing stands in front of this proxy: what a client says of where it comes from is not passed on.
      'x-forwarded-for': incoming.socket.remoteAddress ?? '',
    },
  });
  let isConnected = false;
  const send = () => {
    isConnected = true;
    incoming.pipe(upstream);
  };
  upstream.once('socket', (socket) => (socket.connecting ? socket.once('connect', send) : send()));
  upstream.once('response', (response) => {
    if (target.name !== undefined) outgoing.setHeader('x-served-by', target.name);
    outgoing.writeHead(response.statusCode ?? 502, endToEnd(response.headers));
    outgoing.flushHeaders();
    response.pipe(outgoing);
    response.once('error', () => outgoing.destroy());
    response.once('aborted', () => outgoing.destroy());
  });
  upstream.once('error', () => {
    if (!isConnected) return forward(exchange, others);
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, 502, 'the replica broke off');
  });
  outgoing.once('close', () => upstream.destroy());
}

/** What a replica says of its own connection is no word about that of the client (RFC 9110, section 7.6.1). */
function endToEnd({
  connection,
  'keep-alive': keepAlive,
  ...headers
}: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

function answerHealth(outgoing: ServerResponse, isReady: boolean): void {
  outgoing.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify({ status: isReady ? 'ok' : 'starting' }));
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.destroyed) return;
  outgoing.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
  const data = { code: 'unavailable', message, retry_after_seconds: 1 };
  outgoing.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32_603, message, data } }));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function closeAll(server: Server, agent: Agent): Promise<void> {
  server.close();
  server.closeAllConnections();
  agent.destroy();
}

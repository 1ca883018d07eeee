/** What a service answers on its port while it is starting: that it lives, and what it waits for. Calls that come sooner wait with it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ConfigError } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';

interface StartHealth {
  port: number;
  /** The app answers on this port from now on, and what waited for it. */
  handOver(app: FastifyInstance): Promise<void>;
}

interface Held {
  request: IncomingMessage;
  response: ServerResponse;
  late: NodeJS.Timeout;
}

/** A balancer may know of a replica before it has asked whether it is ready. */
const defaultHoldMs = 5_000;
const maxHeld = 1_000;
const retryAfterSeconds = 2;

/** Listens at once. Throws `ConfigError` when the port cannot be had. */
export async function startHealth(
  { host, port: wanted }: { host: string; port: number },
  problems: Readonly<Record<string, string>>,
  holdMs: number = defaultHoldMs,
): Promise<StartHealth> {
  const held = new Set<Held>();
  let answerBy: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const server = createServer({ keepAlive: false }, (request, response) => {
    response.shouldKeepAlive = false;
    // A connection of before, whose request came when the app had taken over.
    if (answerBy !== undefined) return answerBy(request, response);
    if (request.url === '/healthz') return answer(response, 200, { status: 'ok' });
    if (request.url === '/readyz') return answer(response, 503, { isReady: false, problems });
    if (held.size >= maxHeld) return answer(response, 503, starting);
    const late = setTimeout(() => {
      held.delete(one);
      answer(response, 503, starting);
    }, holdMs);
    const one = { request, response, late };
    held.add(one);
    response.once('close', () => {
      clearTimeout(late);
      held.delete(one);
    });
  });
  server.listen({ host, port: wanted });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw toProblem(error, host, wanted);
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wanted;
  return {
    port,
    async handOver(app) {
      await app.ready();
      // The same socket that listens: between two of them connections would be refused, or cut that nobody has looked at yet.
      app.server.listen(server);
      await once(app.server, 'listening');
      answerBy = (request, response) => void app.server.emit('request', request, response);
      for (const { request, response, late } of held) {
        clearTimeout(late);
        answerBy(request, response);
      }
      held.clear();
    },
  };
}

/** In the form of every other refusal, for MCP clients to read. */
const starting = {
  jsonrpc: '2.0',
  id: null,
  error: {
    code: -32_603,
    message: 'The service is starting. Try again.',
    data: { code: 'unavailable', retryable: true, retry_after_seconds: retryAfterSeconds },
  },
};

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, 'retry-after': String(retryAfterSeconds) }).end(text);
}

function toProblem(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new ConfigError([`PORT: ${port} is taken by another program`]);
  if (code === 'EACCES') return new ConfigError([`PORT: ${port} may not be opened by this user`]);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ConfigError([`HOST: ${host} is no address of this machine`]);
  return error;
}

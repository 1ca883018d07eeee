/** What a service answers on its port while it is starting: that it lives, and what it waits for. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { ConfigError } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';

interface StartHealth {
  port: number;
  /** The app answers on this port from now on. */
  handOver(app: FastifyInstance): Promise<void>;
}

/** Listens at once. Throws `ConfigError` when the port cannot be had. */
export async function startHealth(
  { host, port: wanted }: { host: string; port: number },
  problems: Readonly<Record<string, string>>,
): Promise<StartHealth> {
  const server = createServer({ keepAlive: false }, (request, response) => {
    response.shouldKeepAlive = false;
    if (request.url === '/healthz') return answer(response, 200, { status: 'ok' });
    if (request.url === '/readyz') return answer(response, 503, { isReady: false, problems });
    const error = { code: 'unavailable', message: 'The service is starting.', retryable: true };
    return answer(response, 503, { error });
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
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await app.listen({ host, port });
    },
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, 'retry-after': '2' }).end(text);
}

function toProblem(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new ConfigError([`PORT: ${port} is taken by another program`]);
  if (code === 'EACCES') return new ConfigError([`PORT: ${port} may not be opened by this user`]);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ConfigError([`HOST: ${host} is no address of this machine`]);
  return error;
}

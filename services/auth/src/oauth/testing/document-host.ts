import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { DocumentFetchOptions } from '../documents/document-fetch.ts';
import { testCertificate } from './test-certificate.ts';

export interface DocumentHost {
  /** Where documents are: a name that only our resolver knows, on loopback. */
  origin: string;
  /** Paths that were asked for. */
  requests: string[];
  /** Connections that got as far as a socket. */
  connections: number;
  /** For the engine: resolves `client.example` to it, and trusts its certificate. */
  options: DocumentFetchOptions;
  on(path: string, listener: RequestListener): void;
  serve(path: string, document: (url: string) => unknown, headers?: Record<string, string>): string;
  close(): Promise<void>;
}

/** Answers of a resolver, by name: the next of its lists of addresses each time; the last one stays. */
export type Names = Record<string, string[][]>;

/** A host of client metadata documents on loopback, which is let in for these tests alone. */
export async function startDocumentHost(names: Names = {}): Promise<DocumentHost> {
  const requests: string[] = [];
  const routes = new Map<string, RequestListener>();
  const sockets = new Set<Socket>();
  const server: Server = createServer(testCertificate, (request, response) => {
    requests.push(request.url ?? '');
    const route = routes.get(request.url ?? '');
    if (route === undefined) response.writeHead(404).end();
    else route(request, response);
  });
  const host: DocumentHost = {
    ...{ origin: '', requests, connections: 0 },
    options: {
      timeoutMs: 1_000,
      addresses: {
        allowAddress: (address) => address === '127.0.0.1',
        ca: testCertificate.cert,
        lookup: lookupOf(names),
      },
    },
    on: (path, listener) => void routes.set(path, listener),
    serve(path, document, headers = {}) {
      const url = `${host.origin}${path}`;
      routes.set(path, (_request, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json', ...headers })
          .end(JSON.stringify(document(url))),
      );
      return url;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (socket: Socket) => {
    host.connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  host.origin = `https://client.example:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return host;
}

function lookupOf(names: Names): NonNullable<NonNullable<DocumentFetchOptions['addresses']>['lookup']> {
  const script: Names = { 'client.example': [['127.0.0.1']], ...names };
  return (hostname, callback) => {
    const left = script[hostname] ?? [];
    const addresses = left.length > 1 ? left.shift() : left[0];
    if (addresses === undefined) return callback(new Error('ENOTFOUND'), []);
    callback(
      null,
      addresses.map((each) => ({ address: each, family: each.includes(':') ? 6 : 4 })),
    );
  };
}

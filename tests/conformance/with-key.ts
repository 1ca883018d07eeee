import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { createKey } from '@inferry/auth';
import type { Cluster } from '@inferry/cli';
import { openDatabase } from '@inferry/database';

/** A proxy that adds an API key to each request, since the suite has no way to be told of one. */
export interface KeyAdder {
  port: number;
  /** From here on requests go to that cluster, with a key of it. */
  serve(cluster: Cluster): Promise<void>;
  close(): void;
}

/** Started before the cluster, whose list of hosts has to have its port. */
export async function startKeyAdder(): Promise<KeyAdder> {
  let target: { port: string; key: string } | undefined;
  const server = createServer((incoming, outgoing) => {
    const { method, url: path } = incoming;
    const headers = { ...incoming.headers, authorization: `Bearer ${target?.key}` };
    const upstream = request({ host: '127.0.0.1', port: target?.port, method, path, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      outgoing.flushHeaders();
      response.pipe(outgoing);
      response.once('error', () => outgoing.destroy());
    });
    upstream.once('error', () => outgoing.destroy());
    outgoing.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async serve(cluster) {
      const database = openDatabase({ url: String(cluster.env.DATABASE_URL) });
      const wish = { name: 'conformance', subject: 'conformance', scopes: ['mcp'] };
      const { key } = await createKey(database, wish);
      await database.close();
      target = { port: new URL(cluster.url).port, key: key.reveal() };
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

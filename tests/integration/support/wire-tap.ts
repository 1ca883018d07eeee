import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** What came back over the wire, for clients that do not tell of it themselves. */
export interface WireTap {
  url: string;
  /** Every byte of every answer, in the order in which it came. */
  readonly received: string;
  /** The progress that was told so far: by notifications, or by what a task is each time it is read. */
  progress(): number[];
  close(): void;
}

/** A proxy that passes everything on at once and takes note of the answers; `headers` are added to each request. */
export async function tapWire(
  target: string,
  { headers = {} }: { headers?: Record<string, string> } = {},
): Promise<WireTap> {
  const { hostname, port, host } = new URL(target);
  let received = '';
  const server = createServer((incoming, outgoing) => {
    const upstream = request(
      {
        hostname,
        port,
        method: incoming.method,
        path: incoming.url,
        headers: { ...incoming.headers, host, ...headers },
      },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        outgoing.flushHeaders();
        response.on('data', (chunk: Buffer) => {
          received += chunk.toString();
        });
        response.pipe(outgoing);
        response.once('error', () => outgoing.destroy());
      },
    );
    upstream.once('error', () => outgoing.destroy());
    outgoing.once('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    get received() {
      return received;
    },
    progress() {
      const notified = received.matchAll(/"notifications\/progress","params":\{[^}]*"progress":([\d.]+)/g);
      const read = received.matchAll(/"statusMessage":"running, (\d+) %"/g);
      const [steps, shares] = [notified, read].map((all) => [...all].map(([, step]) => Number(step)));
      return received.includes('"resultType":"task"') ? (shares ?? []) : (steps ?? []);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

export interface KeyedPlatform {
  url: string;
  /** Keys that it takes now, with whose they are. */
  keys: Map<string, string>;
  /** Everything that was ever sent here: method, path, headers and body of each request. */
  readonly received: string[];
  /** Whose key each job was submitted with. */
  readonly submittedWith: string[];
  close(): void;
}

/** An inference platform on loopback that wants a key with every call and keeps all that it hears. */
export async function startKeyedPlatform(): Promise<KeyedPlatform> {
  const keys = new Map<string, string>();
  const jobs = new Map<string, { key: string; text: string }>();
  const received: string[] = [];
  const submittedWith: string[] = [];

  async function answer(request: IncomingMessage): Promise<[status: number, body: unknown]> {
    const body = await readText(request);
    received.push(JSON.stringify([request.method, request.url, request.rawHeaders, body]));
    const key = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const name = keys.get(key);
    if (name === undefined) return [401, { message: 'invalid key' }];
    if (request.url === '/account') return [200, { name, balance: 12.5 }];
    if (request.method === 'POST') {
      const id = randomUUID();
      const { input } = JSON.parse(body) as { input: { text?: string } };
      jobs.set(id, { key, text: input.text ?? 'done' });
      submittedWith.push(name);
      return [200, { id }];
    }
    const job = jobs.get(request.url?.split('/')[2] ?? '');
    if (job === undefined || job.key !== key) return [404, { message: 'no such job' }];
    const outputs = [{ kind: 'text', contentType: 'text/plain', text: job.text }];
    return [200, { status: 'succeeded', upstreamStatus: 'done', outputs }];
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ([status, body]) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    keys,
    received,
    submittedWith,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  // as: without an encoding, a request yields buffers.
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

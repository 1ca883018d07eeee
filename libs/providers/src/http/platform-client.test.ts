import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { AppError, Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PlatformClient, type PlatformClientOptions } from './platform-client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let base: string;
let handle: Handler;
let requests: IncomingMessage[];
let client: PlatformClient;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  client = open({});
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

function open(options: Partial<PlatformClientOptions>): PlatformClient {
  return new PlatformClient({
    title: 'Acme',
    bases: { api: base },
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    retryBaseMs: 1,
    ...options,
  });
}

const Reply = z.object({ id: z.string() });
const context = () => ({ credential: new Secret('the-key-0123456789'), signal: AbortSignal.timeout(20_000) });

function json(body: unknown, status = 200, headers = {}): Handler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

async function failure(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`not an AppError: ${String(error)}`);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('a read', () => {
  it('sends the key, parses the reply, and sends no trace context', async () => {
    handle = json({ id: 'a', more: 1 });

    const reply = await client.read(Reply, { path: '/jobs', query: { q: 'x', page: 2 } }, context());

    expect(reply).toMatchObject({ status: 200, body: { id: 'a' } });
    expect(requests[0]?.url).toBe('/jobs?q=x&page=2');
    expect(requests[0]?.headers.authorization).toBe('Bearer the-key-0123456789');
    expect(requests[0]?.headers).not.toHaveProperty('traceparent');
  });

  it('is tried again while the platform is not available, up to a limit', async () => {
    handle = json({}, 503);

    const error = await failure(client.read(Reply, { path: '/' }, context()));

    expect(error.code).toBe('upstream_unavailable');
    expect(requests).toHaveLength(3);
  });

  it('is not tried again when it was refused', async () => {
    handle = json({ error: 'no' }, 401);

    expect((await failure(client.read(Reply, { path: '/' }, context()))).code).toBe('unauthorized');
    expect(requests).toHaveLength(1);
  });

  it('takes a status that its caller knows', async () => {
    handle = json({ id: 'failed' }, 400);

    expect((await client.read(Reply, { path: '/', accept: [400] }, context())).status).toBe(400);
  });

  it('unpacks, and counts what comes out', async () => {
    handle = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify({ id: 'a'.repeat(1 << 20) })));
    };

    const whole = await client.read(Reply, { path: '/' }, context());
    const error = await failure(client.read(Reply, { path: '/', maxBytes: 100_000 }, context()));

    expect(whole.body.id).toHaveLength(1 << 20);
    expect(error.code).toBe('upstream_malformed');
  });

  it.each<[string, (text: string) => string | Buffer]>([
    ['gzip', gzipSync],
    ['GZIP', gzipSync],
    ['x-gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['gzip, br', (text) => brotliCompressSync(gzipSync(text))],
    ['gzip', (text) => text],
    ['none', (text) => text],
    ['utf-8', (text) => text],
    ['aws-chunked', (text) => text],
  ])(
    'takes an answer in %s, which nobody asked for, read or sent, whole or as it comes',
    async (coding, pack) => {
      handle = (_request, response) => {
        response.writeHead(200, { 'content-encoding': coding });
        response.end(pack('{"id":"a"}'));
      };
      const submit = { path: '/', method: 'POST' as const, json: {} };

      const read = await client.read(Reply, { path: '/' }, context());
      const sent = await client.submit(Reply, submit, context());
      const stream = await client.stream({ ...submit, purpose: 'submit' }, context());
      const content = await client.content({ path: '/' }, context());

      expect([read.body.id, sent.body.id]).toEqual(['a', 'a']);
      expect(Buffer.concat(await collect(stream.body)).toString()).toBe('{"id":"a"}');
      expect(Buffer.from(content.body).toString()).toBe('{"id":"a"}');
    },
  );

  it('reads no more of an answer than it may, packed or not, and closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    handle = (_request, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`{"id":"${'a'.repeat(5_000)}`);
    };

    const endless = await failure(client.read(Reply, { path: '/a', maxBytes: 4_096 }, context()));
    await closed.promise;
    handle = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify({ id: 'a'.repeat(100_000) })));
    };
    const bomb = await failure(client.read(Reply, { path: '/a', maxBytes: 4_096 }, context()));

    const expected = { code: 'upstream_malformed', message: expect.stringContaining('more than 4096 bytes') };
    expect([endless, bomb]).toMatchObject([expected, expected]);
  });

  it('shows the status of an error that is too large or cannot be unpacked', async () => {
    handle = (request, response) => {
      response.writeHead(404, request.url === '/large' ? {} : { 'content-encoding': 'br' });
      response.end('x'.repeat(request.url === '/large' ? 300_000 : 10));
    };

    const failures = [
      await failure(client.read(Reply, { path: '/large' }, context())),
      await failure(client.read(Reply, { path: '/odd' }, context())),
    ];

    expect(failures.map(({ upstreamStatus }) => upstreamStatus)).toEqual([404, 404]);
  });

  it('ends at once when it is given up, before there is a connection and while the answer comes', async () => {
    const begun = Promise.withResolvers<void>();
    handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
      begun.resolve();
    };
    const early = new AbortController();
    const late = new AbortController();

    const unconnected = failure(client.read(Reply, { path: '/a' }, { ...context(), signal: early.signal }));
    early.abort();
    const coming = failure(client.read(Reply, { path: '/a' }, { ...context(), signal: late.signal }));
    await begun.promise;
    late.abort();

    expect((await Promise.all([unconnected, coming])).map(({ code }) => code)).toEqual([
      'cancelled',
      'cancelled',
    ]);
  });

  it('says what it means in an error that a platform words', async () => {
    handle = json({ message: 'the-key-0123456789 is not known' }, 403);

    const error = await failure(client.read(Reply, { path: '/' }, context()));

    expect(error.message).toContain('[secret] is not known');
  });
});

describe('a submit', () => {
  it('is sent once, whatever comes back', async () => {
    handle = json({}, 500);

    expect((await failure(client.submit(Reply, { path: '/', json: {} }, context()))).code).toBe(
      'unavailable',
    );
    expect(requests).toHaveLength(1);
  });

  it('certainly was not taken when nobody listens', async () => {
    server.closeAllConnections();
    server.close();

    const error = await failure(client.submit(Reply, { path: '/', json: {} }, context()));

    expect(error.code).toBe('upstream_unavailable');
  });

  it('may have been taken when the connection breaks off', async () => {
    handle = (request) => request.socket.destroy();

    expect((await failure(client.submit(Reply, { path: '/', json: {} }, context()))).code).toBe(
      'unavailable',
    );
    expect(requests).toHaveLength(1);
  });

  it('may have been taken when no answer comes in time', async () => {
    handle = () => undefined;

    const call = client.submit(Reply, { path: '/', json: {}, timeoutMs: 50 }, context());

    expect((await failure(call)).code).toBe('unavailable');
  });

  it('may have been taken when the answer cannot be read', async () => {
    handle = json({ id: 7 });

    expect((await failure(client.submit(Reply, { path: '/', json: {} }, context()))).code).toBe(
      'upstream_malformed',
    );
  });
});

describe('the key', () => {
  it('goes to no address that is not the platform’s', async () => {
    handle = json({ id: 'a' });
    const url = `${base.replace('127.0.0.1', 'localhost')}/jobs`;
    const trusting = open({ allowPrivateHosts: true });

    const error = await failure(trusting.read(Reply, { url }, context()));
    await trusting.close();

    expect(error.code).toBe('url_rejected');
    expect(requests).toEqual([]);
  });

  it('follows no redirect', async () => {
    handle = json({}, 302, { location: base });

    const error = await failure(client.read(Reply, { path: '/' }, context()));

    expect(error).toMatchObject({ code: 'upstream_malformed', upstreamStatus: 302 });
    expect(requests).toHaveLength(1);
  });

  it('stays away from a presigned link', async () => {
    handle = json({ id: 'a' });

    await client.change(
      Reply,
      { method: 'PUT', path: '/put', bytes: Buffer.from('x'), isKeyless: true },
      context(),
    );

    expect(requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each([
    'http://10.0.0.1/x',
    'http://localhost:1/x',
    'http://169.254.169.254/latest',
    'file:///etc/passwd',
    'nonsense',
  ])('goes nowhere for %s', async (url) => {
    expect((await failure(client.read(Reply, { url }, context()))).code).toBe('url_rejected');
  });

  it('does not let a connection’s own base URL reach a private network', async () => {
    const call = client.read(Reply, { path: '/' }, { ...context(), baseUrl: 'http://192.168.0.9' });

    expect((await failure(call)).code).toBe('url_rejected');
  });

  it('lets no name climb out of its base', async () => {
    const call = client.read(Reply, { path: '/models/../../admin' }, context());

    expect((await failure(call)).code).toBe('model_not_found');
    expect(requests).toEqual([]);
  });
});

describe('a stream of events', () => {
  it('gives each event as it comes and ends with the stream', async () => {
    handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: delta\ndata: {"a":\n');
      response.end('data: 1}\n\ndata: [DONE]\n\n');
    };

    const { body } = await client.events({ path: '/stream' }, context());
    const events = await collect(body);

    expect(events).toEqual([
      { event: 'delta', data: '{"a":\n1}' },
      { event: 'message', data: '[DONE]' },
    ]);
  });

  it('is cut when it does not end', async () => {
    handle = (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(`data: ${'x'.repeat(10_000)}\n\n`));
      };
      response.on('drain', more);
      more();
    };

    const { body } = await client.events({ path: '/', maxBytes: 1 << 20 }, context());

    expect((await failure(collect(body))).code).toBe('upstream_malformed');
  });
});

it('gives up when its caller does', async () => {
  handle = () => undefined;
  const giveUp = AbortSignal.timeout(30);

  const error = await failure(client.read(Reply, { path: '/' }, { signal: giveUp }));

  expect(error.code).toBe('cancelled');
});

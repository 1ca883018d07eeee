import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startRoundRobinProxy, type Target } from './round-robin-proxy.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function replica(listener: RequestListener): Promise<Target & { server: Server }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const address = server.address();
  return {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    server,
  };
}

async function proxyTo(targets: readonly Target[], isReady = true): Promise<string> {
  const proxy = await startRoundRobinProxy({
    host: '127.0.0.1',
    port: 0,
    targets: () => targets,
    isReady: () => isReady,
  });
  closers.push(() => proxy.close());
  return `http://127.0.0.1:${proxy.port}`;
}

const named = (name: string) => replica((_request, response) => response.end(name));

describe('startRoundRobinProxy', () => {
  it('sends each request to the next replica, whoever sends it', async () => {
    const url = await proxyTo([await named('a'), await named('b'), await named('c')]);

    const seen: string[] = [];
    for (let index = 0; index < 6; index += 1) seen.push(await (await fetch(url)).text());

    expect(seen).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('makes no promise to a client about how long its connection stays that a replica made', async () => {
    const brief = await replica((_request, response) => {
      response.setHeader('keep-alive', 'timeout=5').setHeader('connection', 'close').end('brief');
    });
    const url = await proxyTo([brief]);

    const { headers } = await fetch(url);

    expect(headers.get('connection')).toBe('keep-alive');
    expect(headers.get('keep-alive')).toBe('timeout=90');
  });

  it('says which replica has answered', async () => {
    const url = await proxyTo([{ ...(await named('a')), name: 'mcp-gateway.0' }, await named('b')]);

    const names = [await fetch(url), await fetch(url)].map(({ headers }) => headers.get('x-served-by'));

    expect(names).toEqual(['mcp-gateway.0', null]);
  });

  it('passes over a replica that refuses connections, with the body intact', async () => {
    const gone = await named('gone');
    gone.server.close();
    const echo = await replica((request, response) => request.pipe(response));
    const url = await proxyTo([gone, echo]);

    const response = await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) });

    expect(await response.text()).toHaveLength(100_000);
  });

  it('answers 502 when a replica breaks off, since nobody knows what it did', async () => {
    const url = await proxyTo([await replica((request) => request.socket.destroy()), await named('other')]);

    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(502);
  });

  it('answers 503 when no replica takes connections', async () => {
    const url = await proxyTo([]);

    const response = await fetch(url);

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { data: { code: 'unavailable', retry_after_seconds: 1 } },
    });
  });

  it('delivers an event as soon as a replica writes it', async () => {
    let finish = () => undefined as unknown;
    const streaming = await replica((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      finish = () => response.end();
    });
    const url = await proxyTo([streaming]);

    const response = await fetch(url);
    const first = await response.body?.getReader().read();
    finish();

    expect(new TextDecoder().decode(first?.value)).toBe('data: 1\n\n');
  });

  it('says where a client comes from, whatever that says itself', async () => {
    const url = await proxyTo([
      await replica((request, response) => response.end(String(request.headers['x-forwarded-for']))),
    ]);

    const seen = await fetch(url, { headers: { 'x-forwarded-for': '198.51.100.7' } });

    expect(await seen.text()).toBe('127.0.0.1');
  });

  it('tells a replica that the client went away', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const waiting = await replica((_request, response) => {
      response.writeHead(200).write('x');
      response.once('close', () => resolve());
    });
    const url = await proxyTo([waiting]);
    const abort = new AbortController();

    await fetch(url, { signal: abort.signal });
    abort.abort();

    await expect(closed).resolves.toBeUndefined();
  });

  it('says at /healthz whether every replica is ready', async () => {
    expect((await fetch(`${await proxyTo([], true)}/healthz`)).status).toBe(200);
    expect((await fetch(`${await proxyTo([], false)}/healthz`)).status).toBe(503);
  });
});

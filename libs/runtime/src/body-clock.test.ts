import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAddressRanges } from './client-address.ts';
import {
  createHttpApp,
  type HttpService,
  limitConnections,
  ownBodyClock,
  Pace,
  startBodyClocks,
} from './http-app.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Routes of every kind: one that reads its body, one that answers before, one that never does, one with a clock. */
const service: HttpService = {
  name: 'all',
  readiness: async () => ({ isReady: true, problems: {} }),
  drain: async () => undefined,
  close: async () => undefined,
  async routes(app) {
    app.post('/reads', async () => ({ ok: true }));
    app.post(
      '/answers',
      { onRequest: async (_request, reply) => reply.code(401).send({}) },
      async () => ({}),
    );
    app.post('/waits', { onRequest: (_request, reply) => void reply.hijack() }, async () => undefined);
    const own = (request: { raw: Parameters<typeof ownBodyClock>[0] }, reply: { hijack(): unknown }) => {
      reply.hijack();
      ownBodyClock(request.raw);
    };
    app.post('/streams', { onRequest: own }, async () => undefined);
  },
};

async function serve(): Promise<number> {
  const app = await createHttpApp([service], { bodies: { wholeMs: 300, lingerMs: 200 } });
  closers.push(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  // as: a TCP server that listens has such an address.
  return (app.server.address() as AddressInfo).port;
}

/** A body that is announced and comes by drops; what was answered when the connection ended. */
async function drip(port: number, head: string, chunk = 'a'): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  socket.setEncoding('utf8').on('error', () => undefined);
  socket.write(`${head}\r\nHost: a\r\nContent-Type: application/json\r\n`);
  socket.write(chunk === 'a' ? 'Content-Length: 1000000\r\n\r\n' : 'Transfer-Encoding: chunked\r\n\r\n');
  const drops = setInterval(() => socket.write(chunk), 20);
  let answer = '';
  socket.on('data', (text) => (answer += text));
  closers.push(async () => void socket.destroy());
  // Not `once` of events: a connection that is reset closes as well.
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(drops);
  return answer;
}

describe('a body that never ends', () => {
  it.each([
    ['where it is read', 'POST /reads HTTP/1.1', '408'],
    ['where nobody answers', 'POST /waits HTTP/1.1', '408'],
    ['that was answered before', 'POST /answers HTTP/1.1', '401'],
    ['for nothing', 'POST /nothing HTTP/1.1', '4'],
    ['of a GET', 'GET /healthz HTTP/1.1', '200'],
    ['of a DELETE', 'DELETE /healthz HTTP/1.1', '4'],
  ])('ends with its connection %s', async (_case, head, status) => {
    const port = await serve();

    for (const chunk of ['a', '1\r\na\r\n']) {
      const answer = await drip(port, head, chunk);

      expect(answer).toContain(`HTTP/1.1 ${status}`);
    }
  });

  it('is left alone where its reader has a clock of its own', async () => {
    const port = await serve();
    const socket = connect({ port, host: '127.0.0.1' });
    closers.push(async () => void socket.destroy());
    socket.write('POST /streams HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\na');

    const outcome = await Promise.race([
      once(socket, 'close').then(() => 'closed'),
      drip(port, 'POST /waits HTTP/1.1').then(() => 'the other one ended'),
    ]);

    expect(outcome).toBe('the other one ended');
  });

  it('costs a connection nothing that sends its body at once', async () => {
    const port = await serve();
    const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
    closers.push(async () => void socket.destroy());
    const ask =
      'POST /answers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

    socket.write(ask);
    await once(socket, 'data');
    await drip(port, 'POST /waits HTTP/1.1');
    socket.write(ask);

    expect(String(await once(socket, 'data'))).toContain('401');
  });

  it('leaves nothing on a connection whose bodies came late', async () => {
    const counts: number[] = [];
    const server = createServer((request, response) => {
      counts.push(request.socket.listenerCount('close'));
      request.resume().once('end', () => response.end('ok'));
    });
    startBodyClocks(server, { wholeMs: 60_000, lingerMs: 60_000, refuse: (socket) => socket.destroy() });
    closers.push(async () => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    // as: a TCP server that listens has such an address.
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
    closers.push(async () => void socket.destroy());

    for (let turn = 0; turn < 5; turn += 1) {
      const answered = once(socket, 'data');
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n');
      await expect.poll(() => counts.length).toBe(turn + 1);
      socket.write('{}');
      await answered;
    }

    expect(new Set(counts).size).toBe(1);
  });
});

describe('a target in absolute form', () => {
  it.each([
    ['http://evil.example/healthz', '400'],
    ['http://a:81/healthz', '400'],
    ['http://a/healthz', '200'],
  ])('%s is answered %s', async (target, status) => {
    const socket = connect({ port: await serve(), host: '127.0.0.1' }).setEncoding('utf8');
    closers.push(async () => void socket.destroy());

    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);

    expect(String(await once(socket, 'data'))).toContain(`HTTP/1.1 ${status}`);
  });
});

describe('Pace', () => {
  it('is kept by what comes in each window of waiting', () => {
    const pace = new Pace({ bytesPerSecond: 1_000, windowMs: 10_000 });

    expect(pace.add(9_000, 1)).toBe(true);
    expect(pace.add(1_000, 10_000)).toBe(true);
    expect(pace.add(60_000, 1)).toBe(false);
  });
});

describe('limitConnections', () => {
  it('counts none of this machine and of proxies', async () => {
    const server = createServer((_request, response) => response.end());
    limitConnections(server, { perAddress: 0, exempt: parseAddressRanges([]) });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(async () => server.close());

    // as: a TCP server that listens has such an address.
    const { port } = server.address() as AddressInfo;
    expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200);
  });

  it('refuses more than so many of one address, until one ends', async () => {
    const server = createServer();
    limitConnections(server, { perAddress: 2, exempt: parseAddressRanges(['192.0.2.9']) });
    const open = (remoteAddress: string) => {
      const socket = Object.assign(connect({ host: '127.0.0.1', port: 1 }), {}).on('error', () => undefined);
      Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
      let isRefused = false;
      Object.defineProperty(socket, 'destroy', { value: () => (isRefused = true) });
      server.emit('connection', socket);
      return { socket, isRefused: () => isRefused };
    };

    const [first, second, third] = [open('192.0.2.1'), open('::ffff:192.0.2.1'), open('192.0.2.1')];
    const others = [open('192.0.2.2'), ...Array.from({ length: 5 }, () => open('192.0.2.9'))];

    expect([first, second, third, ...others].map((each) => each?.isRefused())).toEqual([
      false,
      false,
      true,
      ...others.map(() => false),
    ]);
    first?.socket.emit('close');
    expect(open('192.0.2.1').isRefused()).toBe(false);
  });
});

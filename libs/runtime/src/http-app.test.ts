import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpApp, type HttpService } from './http-app.ts';
import type { Readiness, Service } from './service.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function service(name: string, readiness: Readiness): Service {
  return {
    name,
    readiness: async () => readiness,
    drain: async () => undefined,
    close: async () => undefined,
  };
}

async function serve(services: readonly Service[]): Promise<string> {
  const app = await createHttpApp(services);
  closers.push(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
}

const ready: Readiness = { isReady: true, problems: {} };

describe('createHttpApp', () => {
  it('is alive whatever its dependencies do', async () => {
    const url = await serve([service('catalog', { isReady: false, problems: { database: 'away' } })]);

    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('is ready when all services are', async () => {
    const url = await serve([service('auth', ready), service('catalog', ready)]);

    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('says which dependency of which service is missing', async () => {
    const url = await serve([
      service('auth', ready),
      service('catalog', { isReady: false, problems: { database: 'away' } }),
    ]);

    const response = await fetch(`${url}/readyz`);

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ isReady: false, problems: { 'catalog.database': 'away' } });
  });

  it.each([
    ['no request line', 'hello\r\n\r\n', '400 Bad Request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400 Bad Request',
    ],
    ['huge headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431 Request Header'],
    ['a huge address', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '431 Request Header'],
    [
      'a URL that cannot be decoded',
      'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      '400 Bad Request',
    ],
  ])('answers %s with a code', async (_case, text, status) => {
    const { port } = new URL(await serve([]));
    const socket = connect({ port: Number(port), host: '127.0.0.1' });
    socket.setEncoding('utf8').write(text);
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk));

    await once(socket, 'close');

    expect(answer).toContain(`HTTP/1.1 ${status}`);
    const { error } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
    expect(error).toMatchObject({ code: 'invalid_request' });
    if (status.startsWith('431')) expect(error.message).toContain('at most 16384 bytes together');
  });

  it('leaves a health route of a service alone', async () => {
    const own: HttpService = {
      ...service('gateway', ready),
      async routes(app) {
        app.get('/readyz', async () => ({ mine: true }));
      },
    };

    const response = await fetch(`${await serve([own])}/readyz`);

    expect(await response.json()).toEqual({ mine: true });
  });
});

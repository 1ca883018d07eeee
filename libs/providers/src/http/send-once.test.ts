import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { AppError } from '@inferry/contracts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { SubmitGuard } from '../provider.ts';
import { PlatformClient } from './platform-client.ts';

let platform: Server;
let taken: number;
const open: (Server | TcpServer)[] = [];

async function listen<T extends Server | TcpServer>(server: T): Promise<T> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function addressOf(server: Server | TcpServer): string {
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

beforeEach(async () => {
  taken = 0;
  platform = await listen(
    createServer((_request, response) => {
      taken += 1;
      response.end('{"id":"a"}');
    }),
  );
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function submit(
  base: string,
  { guard, timeoutMs = 5_000 }: { guard?: SubmitGuard; timeoutMs?: number } = {},
): Promise<AppError | { id: string }> {
  const client = new PlatformClient({ title: 'Acme', bases: { api: base }, timeoutMs });
  const context = { signal: AbortSignal.timeout(20_000), guard };
  return client
    .submit(z.object({ id: z.string() }), { path: '/jobs', json: { a: 1 } }, context)
    .then(
      ({ body }) => body,
      // as: the client throws nothing else.
      (error: unknown) => error as AppError,
    )
    .finally(() => client.close());
}

const refused = { code: 'upstream_unavailable' };
/** It may have been taken. */
const uncertain = { code: 'unavailable' };

it('is certainly not sent when the connection is reset during the handshake', async () => {
  const wire = await listen(createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())));

  expect(await submit(`https://${addressOf(wire)}`)).toMatchObject(refused);
});

it('is certainly not sent when the handshake does not end in time', async () => {
  const wire = await listen(createTcpServer((socket) => socket.on('error', () => undefined)));

  expect(await submit(`https://${addressOf(wire)}`, { timeoutMs: 200 })).toMatchObject(refused);
});

it('is certainly not sent when the proxy refuses the tunnel', async () => {
  const proxy = createServer();
  proxy.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  vi.stubEnv('HTTPS_PROXY', `http://${addressOf(await listen(proxy))}`);
  vi.stubEnv('NO_PROXY', '');

  expect(await submit('https://platform.example')).toMatchObject(refused);
});

it('may have been taken when the connection breaks after its first byte', async () => {
  const wire = await listen(createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())));

  expect(await submit(`http://${addressOf(wire)}`)).toMatchObject(uncertain);
});

it('may have been taken when the answer does not come in time', async () => {
  const wire = await listen(createTcpServer((socket) => socket.on('error', () => undefined)));

  expect(await submit(`http://${addressOf(wire)}`, { timeoutMs: 200 })).toMatchObject(uncertain);
});

it.each([0, 20, 1_000])(
  'is answered by what came while its process stood still until %i ms after its time',
  async (lateMs) => {
    const elsewhere = new Worker(
      `const server = require('node:http').createServer((request, response) => {
         require('node:worker_threads').parentPort.postMessage('read');
         setTimeout(() => response.end('{"id":"a"}'), 50);
       });
       server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port));`,
      { eval: true },
    );
    try {
      const [port] = await once(elsewhere, 'message');
      const timeoutMs = 400;
      const startedAt = performance.now();
      const sent = submit(`http://127.0.0.1:${port}`, { timeoutMs });
      await once(elsewhere, 'message');

      // Nothing of this thread runs meanwhile, its timers neither.
      const stillMs = startedAt + timeoutMs + lateMs - performance.now();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stillMs);

      expect(await sent).toEqual({ id: 'a' });
    } finally {
      await elsewhere.terminate();
    }
  },
);

it('is announced before anything leaves, and stays here when it may not', async () => {
  const announce = vi.fn(async () => {
    throw new Error('somebody else holds it');
  });

  const sent = await submit(`http://${addressOf(platform)}`, { guard: { announce, mayLeave: () => true } });

  expect(sent).toMatchObject(refused);
  expect([announce.mock.calls.length, taken]).toEqual([1, 0]);
});

it('stays here when the right to send it is lost while the connection is made', async () => {
  const asked: string[] = [];
  const guard = {
    announce: async () => void asked.push('announce'),
    mayLeave: () => {
      asked.push('leave');
      return false;
    },
  };

  expect(await submit(`http://${addressOf(platform)}`, { guard })).toMatchObject(refused);
  expect([asked, taken]).toEqual([['announce', 'leave'], 0]);
});

it('leaves once, announced, when it may', async () => {
  const mayLeave = vi.fn(() => true);

  const sent = await submit(`http://${addressOf(platform)}`, {
    guard: { announce: async () => {}, mayLeave },
  });

  expect([sent, mayLeave.mock.calls.length, taken]).toEqual([{ id: 'a' }, 1, 1]);
});

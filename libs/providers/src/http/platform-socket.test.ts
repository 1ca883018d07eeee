import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, Secret } from '@inferry/contracts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { PlatformClient } from './platform-client.ts';

let server: Server;
let sockets: WebSocketServer;
let client: PlatformClient;
let onSocket: (socket: WebSocket, authorization: string | undefined) => void;

beforeEach(async () => {
  server = createServer();
  sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => onSocket(socket, request.headers.authorization));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  client = new PlatformClient({
    title: 'Acme',
    bases: { api: `http://127.0.0.1:${port}` },
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
  });
});
afterEach(async () => {
  await client.close();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  server.close();
});

async function collect<T>(source: AsyncIterable<T>, pauseMs = 0): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) {
    items.push(item);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return items;
}

const context = { credential: new Secret('the-key'), signal: AbortSignal.timeout(20_000) };

it('carries messages both ways, with the key', async () => {
  let key: string | undefined;
  onSocket = (socket, authorization) => {
    key = authorization;
    socket.on('message', (message) => {
      socket.send(`heard ${String(message)}`);
      socket.send(Buffer.from([1, 2]));
      socket.close();
    });
  };

  const socket = await client.socket({ path: '/ws' }, context);
  socket.send('hello');
  const messages = await collect(socket.messages);

  expect(messages).toEqual(['heard hello', new Uint8Array([1, 2])]);
  expect(key).toBe('Bearer the-key');
});

it('ends when more comes than is read', async () => {
  onSocket = (socket) => {
    for (let sent = 0; sent < 50; sent++) socket.send('x');
  };

  const socket = await client.socket({ path: '/ws' }, context, { maxQueued: 10 });
  const read = collect(socket.messages, 5);

  await expect(read).rejects.toBeInstanceOf(AppError);
});

it('says that it broke off', async () => {
  onSocket = (socket) => socket.terminate();

  const opened = client.socket({ path: '/ws' }, context).then((socket) => collect(socket.messages));

  await expect(opened).rejects.toMatchObject({ code: 'upstream_unavailable' });
});

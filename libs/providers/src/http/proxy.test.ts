import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { AppError } from '@inferry/contracts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { PlatformClient } from './platform-client.ts';

let platform: Server;
let proxy: Server;
let passed: string[];

beforeEach(async () => {
  passed = [];
  platform = createServer((_request, response) => response.end('{"id":"a"}'));
  proxy = createServer((request, response) => {
    passed.push(request.url ?? '');
    response.end('{"id":"through the proxy"}');
  });
  proxy.on('connect', (request, socket) => {
    passed.push(request.url ?? '');
    const [host = '', port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  for (const server of [platform, proxy]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of [platform, proxy]) {
    server.closeAllConnections();
    server.close();
  }
});

function addressOf(server: Server): string {
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

async function read(host = addressOf(platform)): Promise<void> {
  const client = new PlatformClient({ title: 'Acme', bases: { api: `http://${host}` } });
  await client.read(z.object({ id: z.string() }), { path: '/' }, { signal: AbortSignal.timeout(10_000) });
  await client.close();
}

it('goes through the proxy that the environment names', async () => {
  vi.stubEnv('HTTP_PROXY', `http://${addressOf(proxy)}`);
  vi.stubEnv('NO_PROXY', '');

  await read('platform.example');

  expect(passed).toEqual(['http://platform.example/']);
});

it('goes past the proxy for the hosts that need none', async () => {
  vi.stubEnv('HTTP_PROXY', `http://${addressOf(proxy)}`);
  vi.stubEnv('NO_PROXY', 'platform.example');

  await expect(read('platform.example')).rejects.toThrow(AppError);
  expect(passed).toEqual([]);
});

it('goes past the proxy for what runs on this machine', async () => {
  vi.stubEnv('HTTP_PROXY', `http://${addressOf(proxy)}`);
  vi.stubEnv('NO_PROXY', '');

  await read();

  expect(passed).toEqual([]);
});

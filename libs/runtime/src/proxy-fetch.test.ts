import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProxyFetch } from './proxy-fetch.ts';

let server: Server;
let url: string;

beforeEach(async () => {
  server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(request.url));
  });
  server.listen(0, '::');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const read = async (target: string, env: Record<string, string>) => {
  const headers = new Headers({ accept: 'application/json' });
  const response = await createProxyFetch(env)(target, { headers, signal: AbortSignal.timeout(60_000) });
  return response.json();
};

it('asks the proxy for a host that has another name here, or none', async () => {
  expect(await read('http://idp.example/keys', { HTTP_PROXY: url })).toBe('http://idp.example/keys');
  expect(await read('http://idp.example/keys', { http_proxy: url })).toBe('http://idp.example/keys');
});

it.each(['127.0.0.1', 'localhost', '[::1]'])('never asks the proxy for %s', async (host) => {
  const target = `http://${host}:${new URL(url).port}/keys`;

  expect(await read(target, { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'a.example' })).toBe('/keys');
});

it('goes to the host itself without a proxy, and where none is wanted', async () => {
  expect(await read(`${url}/keys`, {})).toBe('/keys');
  expect(await read(`${url}/keys`, { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' })).toBe('/keys');
});

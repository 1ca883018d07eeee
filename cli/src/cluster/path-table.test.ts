import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { serviceFor } from './path-table.ts';

it.each([
  ['/mcp', 'mcp-gateway'],
  ['/', 'mcp-gateway'],
  ['/files/u/a', 'upload'],
  ['/hooks/v1/token', 'inference-poller'],
  ['/hooksome', 'mcp-gateway'],
  ['/oauth/authorize?client_id=a', 'auth'],
  ['/authorize', 'auth'],
  ['/token', 'auth'],
  ['/register', 'auth'],
  ['/account/connections', 'auth'],
  ['/.well-known/oauth-authorization-server/mcp', 'auth'],
  ['/.well-known/openid-configuration', 'auth'],
  ['/.well-known/oauth-protected-resource/mcp', 'mcp-gateway'],
])('%s is answered by %s', (path, service) => {
  expect(serviceFor(path)).toBe(service);
});

it('says the same as the load balancer of the composed system', () => {
  const config = readFileSync(new URL('../../../deploy/haproxy/haproxy.cfg', import.meta.url), 'utf8');
  const prefixes = [...config.matchAll(/use_backend \S+ if \{ path_beg (.+) \}/g)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );

  expect(prefixes.filter((prefix) => serviceFor(prefix) === 'mcp-gateway')).toEqual([]);
});

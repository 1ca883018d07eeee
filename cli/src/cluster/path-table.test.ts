import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { serviceFor, targetsOf } from './path-table.ts';

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

describe('targetsOf', () => {
  const replica = (index: number, isReady: boolean, port: number | undefined = 8_000 + index) => ({
    ...{ service: 'mcp-gateway', index, isReady, port },
  });
  const namesOf = (replicas: Parameters<typeof targetsOf>[0]) =>
    targetsOf(replicas, '/mcp').map(({ name }) => name);

  it('leaves out a replica that is starting beside ready ones: a call would be refused', () => {
    expect(namesOf([replica(0, true), replica(1, false), replica(2, true)])).toEqual([
      'mcp-gateway.0',
      'mcp-gateway.2',
    ]);
  });

  it('has whoever lives where none is ready, for they know what is wrong', () => {
    const gone = { ...replica(1, false), port: undefined };

    expect(namesOf([replica(0, false), gone, { ...replica(2, true), service: 'auth' }])).toEqual([
      'mcp-gateway.0',
    ]);
  });
});

import type { ServiceName } from './replica.ts';

/** What is not the gateway's, by how its path begins; the same in `deploy/haproxy/haproxy.cfg`. */
const pathTable: readonly (readonly [prefix: string, service: ServiceName])[] = [
  ['/files/', 'upload'],
  ['/hooks/', 'inference-poller'],
  // Where people sign in, and where clients find out how. The metadata of the resource itself is the gateway's.
  ['/oauth/', 'auth'],
  ['/account', 'auth'],
  ['/authorize', 'auth'],
  ['/token', 'auth'],
  ['/register', 'auth'],
  ['/.well-known/oauth-authorization-server', 'auth'],
  ['/.well-known/openid-configuration', 'auth'],
];

/** The service that answers a path. */
export function serviceFor(path: string): ServiceName {
  return pathTable.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'mcp-gateway';
}

import type { ServiceName } from '@inferry/runtime';
import type { Replica } from './replica.ts';
import type { Target } from './round-robin-proxy.ts';

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

/**
 * The replicas that may answer a path: those that say that they are ready, as every balancer goes by. Where none does, whoever lives
 * may say why.
 */
export function targetsOf(
  replicas: readonly Pick<Replica, 'service' | 'index' | 'port' | 'isReady'>[],
  path: string,
): Target[] {
  const service = serviceFor(path);
  const living = replicas.filter((replica) => replica.service === service);
  const ready = living.filter(({ isReady }) => isReady);
  return (ready.length > 0 ? ready : living).flatMap(({ port, index }) =>
    port === undefined ? [] : [{ host: '127.0.0.1', port, name: `${service}.${index}` }],
  );
}

import type { ServiceName } from './replica.ts';

/** What is not the gateway's, by how its path begins; the same in `deploy/haproxy/haproxy.cfg`. */
const pathTable: readonly (readonly [prefix: string, service: ServiceName])[] = [
  ['/files/', 'upload'],
  ['/hooks/', 'inference-poller'],
];

/** The service that answers a path. */
export function serviceFor(path: string): ServiceName {
  return pathTable.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'mcp-gateway';
}

import { type Proxies, proxiesOf } from '@inferry/contracts';

/** Read when an adapter opens its first connection; undefined: no proxy. */
export function readProxies(): Proxies | undefined {
  return proxiesOf(process.env);
}

/** The proxies of a process, as `EnvHttpProxyAgent` of undici takes them. */
export interface Proxies {
  httpProxy: string;
  httpsProxy: string;
  /** Hosts that are connected to directly, comma-separated. */
  noProxy: string;
}

/** A proxy's own loopback is not ours: what runs on this machine is never asked of it. */
const loopback = 'localhost,127.0.0.1,[::1]';

/** What the environment says by the names that every program reads, the lower ones first; undefined: no proxy. */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies | undefined {
  const httpProxy = env.http_proxy || env.HTTP_PROXY || '';
  const httpsProxy = env.https_proxy || env.HTTPS_PROXY || '';
  if (httpProxy === '' && httpsProxy === '') return undefined;
  const direct = env.no_proxy || env.NO_PROXY || '';
  // All or nothing is a word of its own.
  return { httpProxy, httpsProxy, noProxy: direct === '*' ? direct : [direct, loopback].join(',') };
}

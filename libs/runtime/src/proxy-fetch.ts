import { proxiesOf } from '@inferry/contracts';
import { EnvHttpProxyAgent, type RequestInit, fetch as undiciFetch } from 'undici';
import { type Env, readEnv } from './config.ts';

/** `fetch` as libraries call it that take one of ours. */
export type ProxyFetch = (url: string, options: object) => Promise<Response>;

/**
 * `fetch` for hosts that whoever runs the deployment named, private ones included: through `HTTPS_PROXY` or
 * `HTTP_PROXY`, but for this machine and the hosts of `NO_PROXY`; directly where there is none.
 */
export function createProxyFetch(env: Env = readEnv()): ProxyFetch {
  const proxies = proxiesOf(env);
  if (proxies === undefined) return (url, options) => fetch(url, options);
  const dispatcher = new EnvHttpProxyAgent(proxies);
  // as: the same standard by another class; only what both have is read of it.
  return async (url, options) =>
    (await undiciFetch(url, { ...(options as RequestInit), dispatcher })) as unknown as Response;
}

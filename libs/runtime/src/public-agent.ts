import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AppError, isPrivateHost, isPublicAddress, proxiesOf } from '@inferry/contracts';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { type Env, readEnv } from './config.ts';

export type Lookup = (
  hostname: string,
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

export interface AddressPolicy {
  /** For tests, which have loopback only. Never set from the environment. */
  allowAddress?: ((address: string) => boolean) | undefined;
  /** Resolves names; the system's resolver by default. */
  lookup?: Lookup | undefined;
  /** For tests: certificates that are trusted beside the system's, in PEM. */
  ca?: string | undefined;
}

export function isAllowedAddress(address: string, policy: AddressPolicy): boolean {
  return policy.allowAddress?.(address) === true || isPublicAddress(address);
}

/**
 * Throws `url_rejected` for what may not be fetched, as far as the URL itself tells: no other protocols than these, no
 * credentials, port 80, 443 or one above 1023 (below are the services that speak other protocols), no private name or
 * address.
 */
export function checkPublicUrl(
  text: string,
  policy: AddressPolicy,
  protocols: readonly string[] = ['http:', 'https:'],
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !protocols.includes(url.protocol)) {
    const names = protocols.map((protocol) => protocol.slice(0, -1)).join(' and ');
    throw rejected(`Only ${names} URLs can be read.`);
  }
  if (url.username !== '' || url.password !== '') throw rejected('The URL must not contain credentials.');
  if (!isAllowedPort(url.port)) throw rejected(`The URL has port ${url.port}; ${allowedPorts} are allowed.`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isAllowed = isIP(host) === 0 ? !isPrivateHost(host) : isAllowedAddress(host, policy);
  if (!isAllowed) throw notPublic();
  return url;
}

/** The ports of `isAllowedPort` in words. */
export const allowedPorts = '80, 443 and those above 1023';

/** Below 1024 are the services that speak other protocols: a request to them may be a command. */
export function isAllowedPort(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) > 1023;
}

export interface PublicAgentOptions {
  policy?: AddressPolicy | undefined;
  /** Longest wait for a connection. */
  timeoutMs: number;
  /** At once, to one host. */
  connections?: number | undefined;
  env?: Env | undefined;
}

/**
 * A dispatcher that reaches only allowed addresses. Each name is resolved once per connection, and the socket is
 * given the very addresses that were checked: a name that changes in between (DNS rebinding) gets nowhere. Every one
 * of them must be allowed, since which one the socket takes is not ours to say.
 *
 * With `HTTPS_PROXY` or `HTTP_PROXY` requests go through the proxy, but for the hosts of `NO_PROXY`. There the proxy
 * resolves names and is trusted to; what this machine knows to be a private name is refused before it is asked.
 */
export function createPublicAgent({
  policy = {},
  timeoutMs,
  connections = 1,
  env = readEnv(),
}: PublicAgentOptions): Dispatcher {
  const options = {
    ...{ maxHeaderSize: 32 * 1024, connections, pipelining: 1 },
    connect: checkedConnector(policy, timeoutMs),
  };
  const proxies = proxiesOf(env);
  if (proxies === undefined) return new Agent(options);
  const agent = new EnvHttpProxyAgent({
    ...options,
    ...proxies,
    connectTimeout: timeoutMs,
    ...(policy.ca === undefined ? {} : { requestTls: { ca: policy.ca } }),
  });
  return agent.compose(refusePrivateNames(policy));
}

function checkedConnector(policy: AddressPolicy, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({
    timeout: timeoutMs,
    lookup: checkedLookup(policy),
    allowH2: false,
    ...(policy.ca === undefined ? {} : { ca: policy.ca }),
  });
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null);
      if (isAllowedAddress(socket.remoteAddress ?? '', policy)) return callback(null, socket);
      socket.destroy();
      callback(notPublic(), null);
    });
  };
}

/** Of a request that was never begun. */
const noController: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  abort: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

/** A name that leads nowhere here may well lead somewhere for the proxy. */
function refusePrivateNames(policy: AddressPolicy): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const host = new URL(String(options.origin)).hostname.replace(/^\[|\]$/g, '');
    const fail = (error: Error) => handler.onResponseError?.(noController, error);
    if (isIP(host) !== 0) {
      if (isAllowedAddress(host, policy)) return dispatch(options, handler);
      fail(notPublic());
      return true;
    }
    resolverOf(policy)(host, (error, addresses) => {
      const isKnown = error === null && addresses.length > 0;
      if (isKnown && !addresses.every(({ address }) => isAllowedAddress(address, policy))) fail(notPublic());
      else dispatch(options, handler);
    });
    return true;
  };
}

function resolverOf(policy: AddressPolicy): Lookup {
  return policy.lookup ?? ((hostname, callback) => systemLookup(hostname, { all: true }, callback));
}

function checkedLookup(policy: AddressPolicy): LookupFunction {
  const resolve = resolverOf(policy);
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const first = addresses?.[0];
      if (error !== null || first === undefined) {
        return callback(error ?? new Error('The name leads to no address.'), []);
      }
      if (!addresses.every(({ address }) => isAllowedAddress(address, policy)))
        return callback(notPublic(), []);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function notPublic(): AppError {
  return rejected('The host of this URL is not on the public internet.');
}

function rejected(message: string): AppError {
  return new AppError('url_rejected', message);
}

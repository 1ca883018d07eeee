import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPrivateHost, isPublicAddress } from '@inferry/runtime';
import { Agent, buildConnector } from 'undici';
import { toFetchError, urlRejected } from './fetch-errors.ts';

export type Lookup = (
  hostname: string,
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

export interface AddressPolicy {
  /** For tests, which have loopback only. Never set from the environment. */
  allowAddress?: ((address: string) => boolean) | undefined;
  /** Resolves names; the system's resolver by default. */
  lookup?: Lookup | undefined;
}

export function isAllowedAddress(address: string, policy: AddressPolicy): boolean {
  return policy.allowAddress?.(address) === true || isPublicAddress(address);
}

/**
 * Throws `url_rejected` for what may not be fetched, as far as the URL itself tells: http and https, no credentials,
 * port 80, 443 or one above 1023 (below are the services that speak other protocols), no private name or address.
 */
export function checkUrl(text: string, policy: AddressPolicy): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw urlRejected('Only http and https URLs can be copied.');
  }
  if (url.username !== '' || url.password !== '') throw urlRejected('The URL must not contain credentials.');
  if (!isAllowedPort(url.port)) throw urlRejected('The URL has a port that is not allowed.');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isAllowed = isIP(host) === 0 ? !isPrivateHost(host) : isAllowedAddress(host, policy);
  if (!isAllowed) throw urlRejected('The host of this URL is not on the public internet.');
  return url;
}

function isAllowedPort(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) > 1023;
}

/**
 * An agent that connects only to allowed addresses. Each name is resolved once per connection, and the socket is
 * given the very addresses that were checked: a name that changes in between (DNS rebinding) gets nowhere. Every one
 * of them must be allowed, since which one the socket takes is not ours to say.
 */
export function createPublicAgent(policy: AddressPolicy, timeoutMs: number): Agent {
  const connect = buildConnector({ timeout: timeoutMs, lookup: checkedLookup(policy), allowH2: false });
  return new Agent({
    maxHeaderSize: 32 * 1024,
    connections: 1,
    pipelining: 1,
    connect(options, callback) {
      connect(options, (error, socket) => {
        if (error !== null) return callback(error, null);
        if (isAllowedAddress(socket.remoteAddress ?? '', policy)) return callback(null, socket);
        socket.destroy();
        callback(urlRejected('The host of this URL is not on the public internet.'), null);
      });
    },
  });
}

function checkedLookup(policy: AddressPolicy): LookupFunction {
  const resolve: Lookup =
    policy.lookup ?? ((hostname, callback) => systemLookup(hostname, { all: true }, callback));
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const first = addresses?.[0];
      if (error !== null || first === undefined) return callback(toFetchError(error), []);
      if (!addresses.every(({ address }) => isAllowedAddress(address, policy))) {
        return callback(urlRejected('The host of this URL is not on the public internet.'), []);
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

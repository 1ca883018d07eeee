import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '@inferry/contracts';
import { Agent, buildConnector } from 'undici';
import { isPrivateHost, isPublicAddress } from './safe-address.ts';

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
  if (!isAllowedPort(url.port)) throw rejected('The URL has a port that is not allowed.');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isAllowed = isIP(host) === 0 ? !isPrivateHost(host) : isAllowedAddress(host, policy);
  if (!isAllowed) throw notPublic();
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
  const connect = buildConnector({
    timeout: timeoutMs,
    lookup: checkedLookup(policy),
    allowH2: false,
    ...(policy.ca === undefined ? {} : { ca: policy.ca }),
  });
  return new Agent({
    maxHeaderSize: 32 * 1024,
    connections: 1,
    pipelining: 1,
    connect(options, callback) {
      connect(options, (error, socket) => {
        if (error !== null) return callback(error, null);
        if (isAllowedAddress(socket.remoteAddress ?? '', policy)) return callback(null, socket);
        socket.destroy();
        callback(notPublic(), null);
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

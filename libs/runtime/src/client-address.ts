import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

export interface AddressRanges {
  has(address: string): boolean;
}

/** Addresses and CIDR ranges; throws on anything else. */
export function parseAddressRanges(items: readonly string[]): AddressRanges {
  const list = new BlockList();
  for (const item of items) {
    const [address = '', prefix] = item.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix);
    if (isIP(address) === 0 || !Number.isInteger(bits))
      throw new Error(`${item} is neither an address nor a range`);
    list.addSubnet(address, bits, family);
  }
  return { has: (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') };
}

/**
 * Where a request came from: the socket's address, or the last hop in X-Forwarded-For that no trusted proxy wrote.
 * Anything else in that header is the client's own claim.
 */
export function clientAddress({ headers, socket }: IncomingMessage, proxies: AddressRanges): string {
  let address = plain(socket.remoteAddress ?? '');
  const forwarded = headers['x-forwarded-for'];
  if (forwarded === undefined) return address;
  const hops = String(forwarded).split(',');
  while (isIP(address) !== 0 && proxies.has(address)) {
    const hop = hops.pop();
    if (hop === undefined) return address;
    const next = plain(hop.trim());
    if (isIP(next) === 0) return address;
    address = next;
  }
  return address;
}

/** One household or host has a whole /64 of IPv6 addresses, so that is what a window counts (X16). */
export function addressKey(address: string): string {
  return networkKey(address, 4);
}

/** The network that one customer of a provider has at the most: a /48 of IPv6. Given an address or its key. */
export function siteKey(address: string): string {
  return networkKey(address.replace(/\/64$/, ''), 3);
}

function networkKey(address: string, shownGroups: 3 | 4): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1).join('').split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  const all = tail === undefined ? front : [...front, ...zeros, ...back];
  return `${all.slice(0, shownGroups).map(canonical).join(':')}::/${shownGroups * 16}`;
}

function groups(part: string): string[] {
  return part === '' ? [] : part.split(':');
}

function canonical(group: string): string {
  return Number.parseInt(group, 16).toString(16);
}

/** An IPv4 address as an IPv6 socket shows it, without the prefix. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
}

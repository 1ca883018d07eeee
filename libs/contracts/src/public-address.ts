import { BlockList, isIP } from 'node:net';

/** What is not the public internet: IANA special-purpose address registries (RFC 6890 and its updates). */
const privateRanges: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Azure's host agent: public by the registries, and a metadata service all the same.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** IPv6 outside of 2000::/3 is never public; these are the exceptions inside it. */
const privateRangesV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blocked = new BlockList();
for (const [address, prefix] of privateRanges) blocked.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of privateRangesV6) blocked.addSubnet(address, prefix, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address is of the public internet; anything else could be a service of our own network. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !blocked.check(address, 'ipv4');
  if (family !== 6) return false;
  // Mapped, translated and zoned addresses (::ffff:10.0.0.1, 64:ff9b::, fe80::1%eth0) are outside 2000::/3.
  return globalUnicast.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
}

/** Whether a URL's host names itself as private, before any name is resolved. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (isIP(host) !== 0) return !isPublicAddress(host);
  return (
    !host.includes('.') ||
    /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain)$/.test(host) ||
    host.endsWith('.home.arpa')
  );
}

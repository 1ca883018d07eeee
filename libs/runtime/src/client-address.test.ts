import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { addressKey, clientAddress, parseAddressRanges } from './client-address.ts';

function requestFrom(remoteAddress: string, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  // as: the function reads nothing but these two.
  return { headers, socket: { remoteAddress } } as unknown as IncomingMessage;
}

const proxies = parseAddressRanges(['10.0.0.0/8', 'fd00::/8']);

describe('the address of a client', () => {
  test('is that of the socket when no proxy is trusted', () => {
    const address = clientAddress(requestFrom('203.0.113.7', '198.51.100.1'), parseAddressRanges([]));

    expect(address).toBe('203.0.113.7');
  });

  test('is what the trusted proxy wrote', () => {
    expect(clientAddress(requestFrom('::ffff:10.0.0.1', '198.51.100.1'), proxies)).toBe('198.51.100.1');
  });

  test('is the last hop that no trusted proxy wrote, not what the client claims', () => {
    const address = clientAddress(requestFrom('10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2'), proxies);

    expect(address).toBe('198.51.100.1');
  });

  test('ignores what is no address', () => {
    expect(clientAddress(requestFrom('10.0.0.1', 'unknown'), proxies)).toBe('10.0.0.1');
  });
});

describe('the key of an address', () => {
  test('is an IPv4 address itself', () => {
    expect(addressKey('203.0.113.7')).toBe('203.0.113.7');
  });

  test.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('of %s is its /64 [X16]', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

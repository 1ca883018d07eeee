import { describe, expect, it } from 'vitest';
import { isPrivateHost, isPublicAddress } from './public-address.ts';

describe('isPublicAddress', () => {
  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '2606:4700::1111'])('takes %s for public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '168.63.129.16',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    'fc00::1',
    'fe80::1',
    '2002:7f00:1::',
    '2001:db8::1',
    'not an address',
  ])('takes %s for private', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('isPrivateHost', () => {
  it.each([
    'localhost',
    'x.localhost',
    'redis',
    'metadata.google.internal',
    '[::1]',
    '127.0.0.1',
    'printer.local.',
  ])('refuses %s without resolving it', (host) => {
    expect(isPrivateHost(host)).toBe(true);
  });

  it.each(['example.com', '1.1.1.1', '[2606:4700::1111]'])('lets %s be resolved', (host) => {
    expect(isPrivateHost(host)).toBe(false);
  });
});

/** What seals and codes hold, whoever uses them. */
import { createHmac } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMac, isSameBytes, isSameText } from './mac.ts';
import { openBytes, sealBytes } from './sealed-bytes.ts';
import { standardSignature } from './standard-webhooks.ts';

const key = Buffer.alloc(32, 7);

describe('sealed bytes', () => {
  it.each(['first', 'last'] as const)('come back as they were, with the tag %s', (tag) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const sealed = sealBytes(key, bytes, { aad: 'row 1', tag });

        expect(openBytes(key, sealed, { aad: 'row 1', tag })).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it.each(['first', 'last'] as const)('open nowhere else, and not once a bit is another (tag %s)', (tag) => {
    const sealed = sealBytes(key, Buffer.from('secret'), { aad: 'row 1', tag });

    expect(() => openBytes(key, sealed, { aad: 'row 2', tag })).toThrow();
    expect(() => openBytes(Buffer.alloc(32, 8), sealed, { aad: 'row 1', tag })).toThrow();
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => openBytes(key, changed, { aad: 'row 1', tag })).toThrow();
    }
    for (const length of [0, 12, 27]) {
      expect(() => openBytes(key, sealed.subarray(0, length), { aad: 'row 1', tag })).toThrow();
    }
  });

  it('are never the same twice', () => {
    const seal = () => sealBytes(key, Buffer.from('secret'), { aad: 'a' }).toString('hex');

    expect(seal()).not.toBe(seal());
  });
});

describe('codes', () => {
  it('are HMAC-SHA-256 over the parts one after another', () => {
    const expected = createHmac('sha256', 'shh').update('a.b').digest();

    expect(createMac(new Secret('shh'))('a', Buffer.from('.b'))).toEqual(expected);
    expect(createMac(Buffer.from('shh'))('a.b')).toEqual(expected);
  });

  it('are compared as they are written', () => {
    expect(isSameText('YQ', 'YQ')).toBe(true);
    expect(isSameText('YQ', 'YQ==')).toBe(false);
    expect(isSameText('', 'YQ')).toBe(false);
    expect(isSameBytes(Buffer.from('a'), Buffer.from('a'))).toBe(true);
    expect(isSameBytes(Buffer.from('a'), Buffer.from('ab'))).toBe(false);
  });

  it('of Standard Webhooks are those of its specification', () => {
    const secret = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const body = '{"test": 2432232314}';

    const signature = standardSignature(secret, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: '1614265330',
      body,
    });

    expect(signature.toString('base64')).toBe('g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

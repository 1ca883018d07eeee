import { Secret } from '@inferry/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRecipient, sealText } from './sealed-text.ts';

const key = new Secret('sk-live-0123456789');

describe('a sealed text', () => {
  test('is read by whom it was sealed to, whatever it says', () => {
    const recipient = createRecipient();

    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const sealed = sealText(new Secret(text), recipient.publicKey, 'p');

        expect(recipient.open(sealed, 'p').reveal()).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  test('holds nothing of the text, and is another one each time', () => {
    const recipient = createRecipient();

    const one = sealText(key, recipient.publicKey, 'p');
    const two = sealText(key, recipient.publicKey, 'p');

    expect(JSON.stringify(one)).not.toContain('sk-live');
    expect(two.ciphertext).not.toBe(one.ciphertext);
    expect(two.ephemeral_key).not.toBe(one.ephemeral_key);
  });

  test('is closed to everybody else', () => {
    const sealed = sealText(key, createRecipient().publicKey, 'p');

    expect(() => createRecipient().open(sealed, 'p')).toThrow('cannot be opened');
  });

  test('cannot be put to another use', () => {
    const recipient = createRecipient();
    const sealed = sealText(key, recipient.publicKey, 'credential|openai|conn_1');

    expect(() => recipient.open(sealed, 'credential|openai|conn_2')).toThrow('cannot be opened');
  });

  test.each(['ephemeral_key', 'nonce', 'ciphertext'] as const)('does not open with another %s', (field) => {
    const recipient = createRecipient();
    const sealed = sealText(key, recipient.publicKey, 'p');
    const bytes = Buffer.from(sealed[field], 'base64url');
    bytes[0] = (bytes[0] ?? 0) ^ 1;

    const changed = { ...sealed, [field]: bytes.toString('base64url') };

    expect(() => recipient.open(changed, 'p')).toThrow('cannot be opened');
  });

  test.each([
    ['nothing', ''],
    ['a point of small order', Buffer.alloc(32).toString('base64url')],
    ['too few bytes', 'AAAA'],
    ['no base64url', '!!!'],
  ])('with %s for a key is refused and nothing is said of it', (_kind, ephemeral) => {
    const recipient = createRecipient();
    const sealed = { ...sealText(key, recipient.publicKey, 'p'), ephemeral_key: ephemeral };

    expect(() => recipient.open(sealed, 'p')).toThrow('cannot be opened');
  });

  test('is not made for what is no key', () => {
    expect(() => sealText(key, 'short', 'p')).toThrow('not an X25519 public key');
  });
});

test('a recipient that was kept opens what was sealed to it before', () => {
  const before = createRecipient();
  const sealed = sealText(key, before.publicKey, 'p');

  const after = createRecipient(before.exportPrivateKey());

  expect(after.publicKey).toBe(before.publicKey);
  expect(after.open(sealed, 'p').reveal()).toBe(key.reveal());
});

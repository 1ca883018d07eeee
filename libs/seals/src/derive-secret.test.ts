import { Secret } from '@inferry/contracts';
import { expect, it } from 'vitest';
import { deriveSecret } from './derive-secret.ts';

const master = new Secret('m'.repeat(32));

it('gives each purpose a secret of its own', () => {
  expect(deriveSecret(master, 'files').reveal()).not.toBe(deriveSecret(master, 'webhooks').reveal());
});

it('gives the same secret to every replica of a deployment', () => {
  expect(deriveSecret(new Secret('m'.repeat(32)), 'files').reveal()).toBe(
    deriveSecret(master, 'files').reveal(),
  );
});

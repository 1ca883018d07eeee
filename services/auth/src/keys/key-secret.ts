import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '@inferry/contracts';

/** Tells people and secret scanners what they found. */
const keyPrefix = 'ifr_';

/** A new API key: 256 random bits, so that its plain SHA-256 is as good as any slow hash. */
export function newKey(): Secret {
  return new Secret(keyPrefix + randomBytes(32).toString('base64url'));
}

export function newKeyId(): string {
  return `key_${randomBytes(16).toString('base64url')}`;
}

/** What is stored of a key, and what travels: never the key itself. */
export function sha256Of(key: Secret): string {
  return createHash('sha256').update(key.reveal()).digest('hex');
}

import { createHmac } from 'node:crypto';
import type { Secret } from '@inferry/contracts';

/** The same for the same key of the same provider, and nothing that leads back to it. */
export type Fingerprint = (provider: string, key: Secret) => string;

/** A keyed hash, so that nobody who reads the database can try guesses against it. */
export function createFingerprint(secret: Secret): Fingerprint {
  return (provider, key) =>
    createHmac('sha256', secret.reveal())
      .update(JSON.stringify(['key-fingerprint', provider, key.reveal()]))
      .digest('base64url')
      .slice(0, 22);
}

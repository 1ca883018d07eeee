import type { Secret } from '@inferry/contracts';
import { createMac } from '@inferry/seals';

/** The same for the same key of the same provider, and nothing that leads back to it. */
export type Fingerprint = (provider: string, key: Secret) => string;

/** A keyed hash, so that nobody who reads the database can try guesses against it. */
export function createFingerprint(secret: Secret): Fingerprint {
  const mac = createMac(secret);
  return (provider, key) =>
    mac(JSON.stringify(['key-fingerprint', provider, key.reveal()]))
      .toString('base64url')
      .slice(0, 22);
}

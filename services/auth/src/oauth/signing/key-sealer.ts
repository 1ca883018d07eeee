import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '@inferry/contracts';

/** Keeps bytes from whoever reads the database. `aad` ties them to their row: a copy in another row does not open. */
export interface KeySealer {
  seal(bytes: Buffer, aad: string): Promise<string>;
  /** Rejects what was not sealed here for this `aad`. */
  open(sealed: string, aad: string): Promise<Buffer>;
}

/** AES-256-GCM with a key that is derived from the deployment's secret. */
export function createLocalSealer(secret: Secret): KeySealer {
  const key = Buffer.from(hkdfSync('sha256', secret.reveal(), 'inferry', 'oauth/sealer', 32));
  return {
    seal: async (bytes, aad) => sealWith(key, bytes, aad),
    open: async (sealed, aad) => openWith(key, sealed, aad),
  };
}

const ivBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: nonce, tag and ciphertext in base64url. */
export function sealWith(key: Buffer, bytes: Buffer, aad: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(aad));
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext]).toString('base64url');
}

export function openWith(key: Buffer, sealed: string, aad: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes));
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
}

/** Keeps signing keys from whoever reads the database. */
import type { Secret } from '@inferry/contracts';
import { deriveKey, openBytes, sealBytes } from '@inferry/seals';

/** `aad` ties bytes to their row: a copy in another row does not open. */
export interface KeySealer {
  seal(bytes: Buffer, aad: string): Promise<string>;
  /** Rejects what was not sealed here for this `aad`. */
  open(sealed: string, aad: string): Promise<Buffer>;
}

/** With a key that is derived from the deployment's secret. */
export function createLocalSealer(secret: Secret): KeySealer {
  const key = deriveKey(secret.reveal(), 'oauth/sealer');
  return {
    seal: async (bytes, aad) => sealWith(key, bytes, aad),
    open: async (sealed, aad) => openWith(key, sealed, aad),
  };
}

/** In base64url, as rows have it. */
export function sealWith(key: Buffer, bytes: Buffer, aad: string): string {
  return sealBytes(key, bytes, { aad, tag: 'first' }).toString('base64url');
}

export function openWith(key: Buffer, sealed: string, aad: string): Buffer {
  return openBytes(key, Buffer.from(sealed, 'base64url'), { aad, tag: 'first' });
}

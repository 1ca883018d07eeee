/** Bytes that only holders of a key can read or write: AES-256-GCM with a fresh nonce for each. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface SealOptions {
  /** What the bytes belong to: they open nowhere else. */
  aad: string;
  /** Where the tag stands; what was sealed in one form opens in that alone. Default: at the end. */
  tag?: 'first' | 'last';
}

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Nonce, then ciphertext and tag in the order of the form. */
export function sealBytes(key: Uint8Array, bytes: Uint8Array, { aad, tag = 'last' }: SealOptions): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(aad));
  const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat(
    tag === 'first' ? [nonce, cipher.getAuthTag(), text] : [nonce, text, cipher.getAuthTag()],
  );
}

/** Throws for whatever was not sealed with this key, for this, in this form. */
export function openBytes(key: Uint8Array, sealed: Uint8Array, { aad, tag = 'last' }: SealOptions): Buffer {
  if (sealed.byteLength < nonceBytes + tagBytes) throw new RangeError('too short to be sealed bytes');
  const nonce = sealed.subarray(0, nonceBytes);
  const rest = sealed.subarray(nonceBytes);
  const cut = tag === 'first' ? tagBytes : rest.byteLength - tagBytes;
  const [front, back] = [rest.subarray(0, cut), rest.subarray(cut)];
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(tag === 'first' ? front : back);
  return Buffer.concat([decipher.update(tag === 'first' ? back : front), decipher.final()]);
}

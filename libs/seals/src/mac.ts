/** Codes that only holders of a secret can make, and comparisons that tell nothing by their time. */
import { createHash, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@inferry/contracts';

/** HMAC-SHA-256 over its parts, one after another: whoever joins several says where each ends. */
export type Mac = (...parts: readonly (string | Uint8Array)[]) => Buffer;

/** A secret is used as it is written; one that stands for other bytes is given as those. */
export function createMac(secret: Secret | Uint8Array): Mac {
  const key = createSecretKey(secret instanceof Uint8Array ? secret : Buffer.from(secret.reveal()));
  return (...parts) => {
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  };
}

/**
 * Compares texts, codes among them: as text, so that other spellings of the same bytes (padding, spare bits) are other codes.
 * Neither the length nor where they differ shows.
 */
export function isSameText(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

/** Compares codes whose length is no secret. */
export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

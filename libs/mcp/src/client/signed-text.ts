import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { JsonObject, Secret } from '@inferry/contracts';
import { isObject } from '@inferry/contracts';
import { parseJson } from '../json-rpc.ts';

/** Values that clients hold for us: readable by them, made by nobody else, and taken by every replica. */
export interface SignedText {
  sign(value: JsonObject): string;
  /** Undefined for what was not signed for this purpose with this key. */
  verify(text: string): JsonObject | undefined;
}

const maxLength = 64 * 1_024;

export function createSignedText(key: Secret, purpose: string): SignedText {
  const hmacKey = createSecretKey(Buffer.from(key.reveal()));
  const hmac = (payload: string) => createHmac('sha256', hmacKey).update(`${purpose}.${payload}`);
  return {
    sign(value) {
      const payload = Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${payload}.${hmac(payload).digest('base64url')}`;
    },
    verify(text) {
      const [payload, signature, ...more] = text.length > maxLength ? [] : text.split('.');
      if (payload === undefined || signature === undefined || more.length > 0) return undefined;
      const expected = hmac(payload).digest();
      const given = Buffer.from(signature, 'base64url');
      // The canonical form alone: a signature has one spelling.
      if (given.length !== expected.length || given.toString('base64url') !== signature) return undefined;
      if (!timingSafeEqual(given, expected)) return undefined;
      const value = parseJson(Buffer.from(payload, 'base64url').toString());
      return isObject(value) ? value : undefined;
    },
  };
}

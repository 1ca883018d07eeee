import type { JsonObject, Secret } from '@inferry/contracts';
import { isObject } from '@inferry/contracts';
import { createMac, isSameText } from '@inferry/seals';
import { parseJson } from '../json-rpc.ts';

/** Values that clients hold for us: readable by them, made by nobody else, and taken by every replica. */
export interface SignedText {
  sign(value: JsonObject): string;
  /** Undefined for what was not signed for this purpose with this key. */
  verify(text: string): JsonObject | undefined;
}

const maxLength = 64 * 1_024;

export function createSignedText(key: Secret, purpose: string): SignedText {
  const mac = createMac(key);
  const codeOf = (payload: string) => mac(`${purpose}.${payload}`).toString('base64url');
  return {
    sign(value) {
      const payload = Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${payload}.${codeOf(payload)}`;
    },
    verify(text) {
      const [payload, signature, ...more] = text.length > maxLength ? [] : text.split('.');
      if (payload === undefined || signature === undefined || more.length > 0) return undefined;
      if (!isSameText(signature, codeOf(payload))) return undefined;
      const value = parseJson(Buffer.from(payload, 'base64url').toString());
      return isObject(value) ? value : undefined;
    },
  };
}

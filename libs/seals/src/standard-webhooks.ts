/** Signatures of Standard Webhooks 1.0, for those that leave and those that come in. */
import type { Secret } from '@inferry/contracts';
import { createMac } from './mac.ts';

/** What is signed. */
export interface StandardMessage {
  id: string;
  /** Whole seconds since 1970. */
  timestamp: string;
  body: string | Uint8Array;
}

/** The bytes of `v1`; the secret is base64 behind `whsec_`. */
export function standardSignature(secret: Secret, { id, timestamp, body }: StandardMessage): Buffer {
  const key = Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64');
  return createMac(key)(`${id}.${timestamp}.`, body);
}

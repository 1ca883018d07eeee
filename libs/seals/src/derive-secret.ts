/** One key per purpose from one secret (HKDF, RFC 5869): leaking one tells nothing of the others. */
import { hkdfSync } from 'node:crypto';
import { Secret } from '@inferry/contracts';

const keyBytes = 32;

/** The bytes of a key; `salt` where there is something fresh to put in. */
export function deriveKey(
  secret: string | Uint8Array,
  purpose: string,
  salt: string | Uint8Array = 'inferry',
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, purpose, keyBytes));
}

/** The secret of one purpose of the deployment's one secret. */
export function deriveSecret(
  master: Secret,
  purpose:
    | 'files'
    | 'webhooks'
    | 'sessions'
    | 'hooks'
    | 'fingerprints'
    | 'oauth'
    | 'pages'
    | 'quotes'
    | `bus/${string}`,
): Secret {
  return new Secret(deriveKey(master.reveal(), purpose).toString('base64url'));
}

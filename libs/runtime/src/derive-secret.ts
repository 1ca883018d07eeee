import { hkdfSync } from 'node:crypto';
import { Secret } from '@inferry/contracts';

/** One key per purpose from the deployment's one secret (HKDF, RFC 5869): leaking one tells nothing of the others. */
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
  const bytes = hkdfSync('sha256', master.reveal(), 'inferry', purpose, 32);
  return new Secret(Buffer.from(bytes).toString('base64url'));
}

import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { genuine, refused, type SignatureVerdict } from './signature.ts';

/** A public Ed25519 key of a JSON Web Key Set (RFC 8037); undefined when it is of another kind or broken. */
export function toEd25519Key(jwk: unknown): KeyObject | undefined {
  if (typeof jwk !== 'object' || jwk === null || !('kty' in jwk) || !('crv' in jwk) || !('x' in jwk)) return;
  const { kty, crv, x } = jwk;
  // 32 bytes in base64url, and no private half: a set that shows one is not to be trusted.
  if (kty !== 'OKP' || crv !== 'Ed25519' || 'd' in jwk) return;
  if (typeof x !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(x)) return;
  try {
    return createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  } catch {
    // Not a point of the curve.
    return undefined;
  }
}

/** Whether one of the keys made the signature (hex) of the message. Freshness is for the caller to check. */
export function verifyEd25519(
  message: Uint8Array,
  signatureHex: string,
  keys: readonly KeyObject[],
): SignatureVerdict {
  if (!/^[0-9a-f]{128}$/i.test(signatureHex)) return refused('malformed');
  if (keys.length === 0) return refused('no_key');
  const signature = Buffer.from(signatureHex, 'hex');
  return keys.some((key) => verify(null, message, key, signature)) ? genuine : refused('forged');
}

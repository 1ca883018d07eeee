/** Texts that only one recipient opens. */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { AppError, type SealedText, Secret } from '@inferry/contracts';
import { deriveKey } from './derive-secret.ts';
import { openBytes, sealBytes } from './sealed-bytes.ts';

/** Who can open texts that are sealed to `publicKey`. */
export interface Recipient {
  /** X25519, raw, base64url. */
  readonly publicKey: string;
  /** Throws `validation_failed` when the text was sealed to another key or for another purpose, or was changed. */
  open(sealed: SealedText, purpose: string): Secret;
}

/** Of the nonce, which is told apart from the rest. */
const nonceBytes = 12;
const keyBytes = 32;

/**
 * Seals a text to an X25519 public key: a fresh key pair for each text, HKDF-SHA-256 over the shared secret with both
 * public keys as salt, AES-256-GCM. `purpose` must be the same when it is opened: a text cannot be put to another use.
 */
export function sealText(text: Secret, recipientKey: string, purpose: string): SealedText {
  const recipient = fromRawPublicKey(recipientKey);
  const ephemeral = generateKeyPairSync('x25519');
  const ephemeralKey = toRawPublicKey(ephemeral.publicKey);
  const key = sharedKey({ privateKey: ephemeral.privateKey, publicKey: recipient }, [
    ephemeralKey,
    recipientKey,
  ]);
  const sealed = sealBytes(key, Buffer.from(text.reveal()), { aad: purpose });
  key.fill(0);
  return {
    ephemeral_key: ephemeralKey,
    nonce: sealed.subarray(0, nonceBytes).toString('base64url'),
    ciphertext: sealed.subarray(nonceBytes).toString('base64url'),
  };
}

/** A recipient with a new key pair, or with a private key (PKCS #8, base64url) that was kept. */
export function createRecipient(kept?: Secret): Recipient & { exportPrivateKey(): Secret } {
  const privateKey = kept === undefined ? generateKeyPairSync('x25519').privateKey : readPrivateKey(kept);
  const publicKey = toRawPublicKey(createPublicKey(privateKey));
  return {
    publicKey,
    open: (sealed, purpose) => openText({ privateKey, publicKey }, sealed, purpose),
    exportPrivateKey: () =>
      new Secret(privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url')),
  };
}

/** PKCS #8 before the 32 bytes of an X25519 key (RFC 8410, section 7). */
const privateKeyHead = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The recipient that follows from a secret: every holder of that opens the same texts. */
export function derivedRecipient(secret: Secret, purpose: string): Recipient {
  const bytes = deriveKey(secret.reveal(), `recipient of ${purpose}`);
  const { publicKey, open } = createRecipient(
    new Secret(Buffer.concat([privateKeyHead, bytes]).toString('base64url')),
  );
  return { publicKey, open };
}

function openText(
  own: { privateKey: KeyObject; publicKey: string },
  sealed: SealedText,
  purpose: string,
): Secret {
  try {
    const ephemeral = fromRawPublicKey(sealed.ephemeral_key);
    const key = sharedKey({ privateKey: own.privateKey, publicKey: ephemeral }, [
      sealed.ephemeral_key,
      own.publicKey,
    ]);
    const nonce = Buffer.from(sealed.nonce, 'base64url');
    if (nonce.length !== nonceBytes) throw new RangeError('not a nonce of ours');
    const bytes = Buffer.concat([nonce, Buffer.from(sealed.ciphertext, 'base64url')]);
    const text = openBytes(key, bytes, { aad: purpose });
    key.fill(0);
    return new Secret(text.toString('utf8'));
  } catch {
    // Whatever was wrong with it: saying more would tell a forger how far they came.
    throw new AppError('validation_failed', 'The sealed text cannot be opened.');
  }
}

function sharedKey(
  pair: { privateKey: KeyObject; publicKey: KeyObject },
  publicKeys: readonly [ephemeral: string, recipient: string],
): Buffer {
  // A peer's key of small order gives an error here and no shared secret of zeros.
  const shared = diffieHellman(pair);
  const salt = Buffer.concat(publicKeys.map((key) => Buffer.from(key, 'base64url')));
  const key = deriveKey(shared, 'inferry sealed text v1', salt);
  shared.fill(0);
  return key;
}

function toRawPublicKey(key: KeyObject): string {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('not an X25519 key');
  return x;
}

function fromRawPublicKey(raw: string): KeyObject {
  if (Buffer.from(raw, 'base64url').length !== keyBytes) {
    throw new AppError('validation_failed', 'This is not an X25519 public key.');
  }
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw }, format: 'jwk' });
}

function readPrivateKey(kept: Secret): KeyObject {
  return createPrivateKey({ key: Buffer.from(kept.reveal(), 'base64url'), format: 'der', type: 'pkcs8' });
}

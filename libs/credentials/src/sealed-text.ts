import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { AppError, type SealedText, Secret } from '@inferry/contracts';

/** Who can open texts that are sealed to `publicKey`. */
export interface Recipient {
  /** X25519, raw, base64url. */
  readonly publicKey: string;
  /** Throws `validation_failed` when the text was sealed to another key or for another purpose, or was changed. */
  open(sealed: SealedText, purpose: string): Secret;
}

const algorithm = 'aes-256-gcm';
const tagBytes = 16;
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
  const key = deriveKey({ privateKey: ephemeral.privateKey, publicKey: recipient }, [
    ephemeralKey,
    recipientKey,
  ]);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(purpose));
  const parts = [cipher.update(text.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()];
  key.fill(0);
  return {
    ephemeral_key: ephemeralKey,
    nonce: nonce.toString('base64url'),
    ciphertext: Buffer.concat(parts).toString('base64url'),
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

function openText(
  own: { privateKey: KeyObject; publicKey: string },
  sealed: SealedText,
  purpose: string,
): Secret {
  try {
    const ephemeral = fromRawPublicKey(sealed.ephemeral_key);
    const key = deriveKey({ privateKey: own.privateKey, publicKey: ephemeral }, [
      sealed.ephemeral_key,
      own.publicKey,
    ]);
    const bytes = Buffer.from(sealed.ciphertext, 'base64url');
    const decipher = createDecipheriv(algorithm, key, Buffer.from(sealed.nonce, 'base64url'), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(purpose));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const text = Buffer.concat([
      decipher.update(bytes.subarray(0, bytes.length - tagBytes)),
      decipher.final(),
    ]);
    key.fill(0);
    return new Secret(text.toString('utf8'));
  } catch {
    // Whatever was wrong with it: saying more would tell a forger how far they came.
    throw new AppError('validation_failed', 'The sealed text cannot be opened.');
  }
}

function deriveKey(
  pair: { privateKey: KeyObject; publicKey: KeyObject },
  publicKeys: readonly [ephemeral: string, recipient: string],
): Buffer {
  // A peer's key of small order gives an error here and no shared secret of zeros.
  const shared = diffieHellman(pair);
  const salt = Buffer.concat(publicKeys.map((key) => Buffer.from(key, 'base64url')));
  const key = Buffer.from(hkdfSync('sha256', shared, salt, 'inferry sealed text v1', keyBytes));
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

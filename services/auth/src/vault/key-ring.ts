import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Secret } from '@inferry/contracts';
import { ConfigError } from '@inferry/runtime';
import { openBytes, sealBytes } from '@inferry/seals';

/** A data-encryption key as it is stored, and which key-encryption key opens it. */
export interface WrappedKey {
  kid: string;
  wrapped: Buffer;
}

/**
 * Who holds the key-encryption keys: this process (`AUTH_KEKS`), or a service that never gives them away (a KMS, Vault
 * transit). A data-encryption key is all that it sees.
 */
export interface KekProvider {
  /** The key that new secrets are wrapped with. */
  readonly currentId: string;
  /** Whether a secret that was wrapped with this key can be opened. */
  holds(kid: string): boolean;
  wrap(key: Buffer): Promise<WrappedKey>;
  unwrap(wrapped: WrappedKey): Promise<Buffer>;
}

const kidPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const keyBytes = 32;

/** Keys in memory, the first one current. */
export function createLocalKeks(ring: ReadonlyMap<string, Secret>): KekProvider {
  const keys = new Map([...ring].map(([kid, key]) => [kid, Buffer.from(key.reveal(), 'base64')]));
  const [currentId] = keys.keys();
  if (currentId === undefined) throw new ConfigError(['AUTH_KEKS: holds no key']);

  function keyOf(kid: string): Buffer {
    const key = keys.get(kid);
    if (key === undefined) throw new Error(`the key-encryption key ${kid} is not in AUTH_KEKS`);
    return key;
  }

  return {
    currentId,
    holds: (kid) => keys.has(kid),
    async wrap(key) {
      return { kid: currentId, wrapped: sealBytes(keyOf(currentId), key, { aad: `kek|${currentId}` }) };
    },
    async unwrap({ kid, wrapped }) {
      return openBytes(keyOf(kid), wrapped, { aad: `kek|${kid}` });
    },
  };
}

/** `k2:<base64>,k1:<base64>`, one a line or with commas; throws `ConfigError` without ever repeating a key. */
export function parseKeyRing(text: string, variable = 'AUTH_KEKS'): Map<string, Secret> {
  const ring = new Map<string, Secret>();
  const problems: string[] = [];
  const items = text.split(/[\s,]+/).filter((item) => item !== '');
  for (const [index, item] of items.entries()) {
    const colon = item.indexOf(':');
    const kid = item.slice(0, Math.max(colon, 0));
    const key = item.slice(colon + 1);
    if (!kidPattern.test(kid)) problems.push(`${variable}: key ${index + 1} has no name (name:base64)`);
    else if (Buffer.from(key, 'base64').length !== keyBytes)
      problems.push(`${variable}: ${kid} is not 32 bytes in base64; openssl rand -base64 32 makes one`);
    else if (ring.has(kid)) problems.push(`${variable}: ${kid} is there twice`);
    else ring.set(kid, new Secret(key));
  }
  if (items.length === 0) problems.push(`${variable}: holds no key`);
  if (problems.length > 0) throw new ConfigError(problems);
  return ring;
}

/** The key ring of a file, made there for its owner only when it does not exist: what an embedded system has. */
export function readOrCreateKeyRing(file: string): Map<string, Secret> {
  try {
    // `wx` makes the first of two processes win; the other reads what it wrote.
    const text = `k1:${randomBytes(keyBytes).toString('base64')}\n`;
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return parseKeyRing(readFileSync(file, 'utf8'), file);
}

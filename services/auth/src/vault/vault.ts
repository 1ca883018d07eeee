import { Secret } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { addVaultKey, findVaultKey, listNeededKids } from '@inferry/database/connections';
import { listSigningKeys } from '@inferry/database/oauth';
import { ConfigError } from '@inferry/runtime';
import { createRecipient, type Recipient } from '@inferry/seals';
import { type Belonging, type Envelope, isUnderRightKey, kidOf, open, rewrap, seal } from './envelope.ts';
import type { KekProvider } from './key-ring.ts';

/** Seals what is stored elsewhere, such as the private halves of signing keys. */
export interface KeySealer {
  /** The text to store; it opens for the same `aad` only. */
  seal(bytes: Buffer, aad: string): Promise<string>;
  open(sealed: string, aad: string): Promise<Buffer>;
}

/** Everything that is encrypted at rest goes through here. */
export interface Vault {
  /** The current key-encryption key. */
  readonly currentKid: string;
  seal(text: Secret, belonging: Belonging): Promise<Envelope>;
  open(sealed: string, belonging: Belonging): Promise<Secret>;
  rewrap(sealed: string): Promise<Envelope | undefined>;
  /** Whether what is stored was sealed with the very key that has its name here. */
  isUnderRightKey(sealed: string): Promise<boolean>;
  readonly sealer: KeySealer;
  /** Who texts on the bus are sealed to; the same on all replicas. */
  transport(): Promise<Recipient>;
}

const transportName = 'transport';

/**
 * Opens the vault and tries it. Throws `ConfigError` when a key-encryption key is missing that stored secrets need:
 * better not to start than to find out at each call.
 */
export async function openVault(database: Database, keks: KekProvider): Promise<Vault> {
  await tryKeks(keks);
  await refuseMissingKeys(database, keks);
  let recipient: Promise<Recipient> | undefined;
  return {
    currentKid: keks.currentId,
    seal: (text, belonging) => seal(keks, text, belonging),
    open: (sealed, belonging) => open(keks, sealed, belonging),
    rewrap: (sealed) => rewrap(keks, sealed),
    isUnderRightKey: (sealed) => isUnderRightKey(keks, sealed),
    sealer: createKeySealer(keks),
    transport() {
      recipient ??= readTransport(database, keks).catch((error: unknown) => {
        // The next one tries again.
        recipient = undefined;
        throw error;
      });
      return recipient;
    },
  };
}

export function createKeySealer(keks: KekProvider): KeySealer {
  const belonging = (aad: string): Belonging => ({ kind: 'key', id: aad });
  return {
    async seal(bytes, aad) {
      return (await seal(keks, new Secret(bytes.toString('base64url')), belonging(aad))).sealed;
    },
    async open(sealed, aad) {
      return Buffer.from((await open(keks, sealed, belonging(aad))).reveal(), 'base64url');
    },
  };
}

/** Also opens what another sealer sealed, before there was a vault. */
export function withEarlierSealer(sealer: KeySealer, earlier: KeySealer): KeySealer {
  return {
    seal: (bytes, aad) => sealer.seal(bytes, aad),
    open: (sealed, aad) => (kidOf(sealed) === undefined ? earlier : sealer).open(sealed, aad),
  };
}

async function tryKeks(keks: KekProvider): Promise<void> {
  const probe = createRecipient().exportPrivateKey();
  const belonging = { kind: 'self-test', id: 'start' };
  const { sealed } = await seal(keks, probe, belonging);
  const opened = await open(keks, sealed, belonging);
  if (opened.reveal() !== probe.reveal()) throw new Error('the vault does not open what it sealed');
}

async function refuseMissingKeys(database: Database, keks: KekProvider): Promise<void> {
  const missing = (await neededKids(database)).filter((kid) => !keks.holds(kid));
  if (missing.length === 0) return;
  throw new ConfigError(
    missing.map((kid) => `AUTH_KEKS: the key ${kid} is missing, and stored secrets need it`),
  );
}

/** The names of all key-encryption keys that something stored needs. */
export async function neededKids(database: Database): Promise<string[]> {
  const signing = await listSigningKeys(database.queries);
  const kids = [
    ...(await listNeededKids(database.queries)),
    ...signing.flatMap(({ sealed }) => kidOf(sealed) ?? []),
  ];
  return [...new Set(kids)].sort();
}

/** The first replica makes the key pair, the others read it. */
async function readTransport(database: Database, keks: KekProvider): Promise<Recipient> {
  const belonging = { kind: 'vault-key', id: transportName };
  const existing = await findVaultKey(database.queries, transportName);
  if (existing === undefined) {
    const made = createRecipient();
    const { kid, sealed } = await seal(keks, made.exportPrivateKey(), belonging);
    const row = { name: transportName, public_key: made.publicKey, kid, sealed, created_at: Date.now() };
    await addVaultKey(database.queries, row);
  }
  const row = existing ?? (await findVaultKey(database.queries, transportName));
  if (row === undefined) throw new Error('the key pair of the vault is gone');
  return createRecipient(await open(keks, row.sealed, belonging));
}

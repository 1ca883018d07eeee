import { randomBytes } from 'node:crypto';
import { AppError, Secret } from '@inferry/contracts';
import { openBytes, sealBytes } from '@inferry/seals';
import { z } from 'zod';
import type { KekProvider } from './key-ring.ts';

/** What a sealed text belongs to; it opens nowhere else, so rows cannot be swapped. */
export interface Belonging {
  /** `connection`, `vault-key`, `signing-key`. */
  kind: string;
  id: string;
  owner?: string;
  provider?: string;
}

/** A secret at rest: `sealed` is JSON, `kid` names the key-encryption key that opens it. */
export interface Envelope {
  kid: string;
  sealed: string;
}

const Stored = z.object({ v: z.literal(1), kid: z.string(), w: z.string(), d: z.string() });

/** Encrypts with a key made for this one text, which only the key-encryption key opens. */
export async function seal(keks: KekProvider, text: Secret, belonging: Belonging): Promise<Envelope> {
  const key = randomBytes(32);
  try {
    const data = sealBytes(key, Buffer.from(text.reveal()), { aad: aadOf(belonging) });
    const { kid, wrapped } = await keks.wrap(key);
    return toEnvelope(kid, wrapped, data.toString('base64url'));
  } finally {
    key.fill(0);
  }
}

/** Throws `internal` when the text belongs to something else, was changed, or its key is not held any more. */
export async function open(keks: KekProvider, sealed: string, belonging: Belonging): Promise<Secret> {
  let key: Buffer | undefined;
  try {
    const stored = Stored.parse(JSON.parse(sealed));
    key = await keks.unwrap({ kid: stored.kid, wrapped: Buffer.from(stored.w, 'base64url') });
    const text = openBytes(key, Buffer.from(stored.d, 'base64url'), { aad: aadOf(belonging) });
    return new Secret(text.toString('utf8'));
  } catch (error) {
    throw new AppError('internal', 'A stored secret cannot be opened.', { cause: error });
  } finally {
    key?.fill(0);
  }
}

/** The same text under the current key-encryption key; undefined when it is under it already, or no text of ours. */
export async function rewrap(keks: KekProvider, sealed: string): Promise<Envelope | undefined> {
  const stored = read(sealed);
  if (stored === undefined || stored.kid === keks.currentId) return undefined;
  const key = await keks.unwrap({ kid: stored.kid, wrapped: Buffer.from(stored.w, 'base64url') });
  try {
    const { kid, wrapped } = await keks.wrap(key);
    return toEnvelope(kid, wrapped, stored.d);
  } finally {
    key.fill(0);
  }
}

/** Whether the key-encryption key of that name is the one that it was sealed with; what was sealed elsewhere counts as opened. */
export async function isUnderRightKey(keks: KekProvider, sealed: string): Promise<boolean> {
  const stored = read(sealed);
  if (stored === undefined) return true;
  const wrapped = Buffer.from(stored.w, 'base64url');
  return keks.unwrap({ kid: stored.kid, wrapped }).then(
    (key) => {
      key.fill(0);
      return true;
    },
    () => false,
  );
}

/** Which key-encryption key opens a sealed text; undefined when it was sealed elsewhere. */
export function kidOf(sealed: string): string | undefined {
  return read(sealed)?.kid;
}

function read(sealed: string): z.infer<typeof Stored> | undefined {
  try {
    return Stored.safeParse(JSON.parse(sealed)).data;
  } catch {
    // No JSON, so none of ours.
    return undefined;
  }
}

function toEnvelope(kid: string, wrapped: Buffer, d: string): Envelope {
  return { kid, sealed: JSON.stringify({ v: 1, kid, w: wrapped.toString('base64url'), d }) };
}

/** JSON, so that no part can end early and pass for another. */
function aadOf({ kind, id, owner = '', provider = '' }: Belonging): string {
  return `v1|${JSON.stringify([kind, id, owner, provider])}`;
}

import { generateKeyPairSync } from 'node:crypto';
import type { OAuthSigningKeyRow } from '@inferry/database/oauth';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { z } from 'zod';
import type { KeySealer } from './key-sealer.ts';

const PrivateJwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
});

/** A key that access tokens are signed with (ES256). */
export interface SigningKey {
  generation: number;
  kid: string;
  publicJwk: JWK;
  privateJwk: JWK;
  createdAt: number;
  activeFrom: number;
}

export async function newSigningKey(
  sealer: KeySealer,
  times: { generation: number; createdAt: number; activeFrom: number },
): Promise<OAuthSigningKeyRow> {
  const jwk = PrivateJwk.parse(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  );
  const { d: _private, ...open } = jwk;
  const kid = await calculateJwkThumbprint(open);
  return {
    generation: times.generation,
    kid,
    public_jwk: JSON.stringify({ ...open, kid, use: 'sig', alg: 'ES256' }),
    sealed: await sealer.seal(Buffer.from(JSON.stringify(jwk)), aadOf(kid)),
    created_at: times.createdAt,
    active_from: times.activeFrom,
    removed_at: null,
  };
}

export async function openSigningKey(sealer: KeySealer, row: OAuthSigningKeyRow): Promise<SigningKey> {
  const bytes = await sealer.open(row.sealed, aadOf(row.kid));
  const header = { kid: row.kid, use: 'sig', alg: 'ES256' };
  const jwk = PrivateJwk.parse(JSON.parse(bytes.toString()));
  const { d: _private, ...open } = jwk;
  return {
    generation: row.generation,
    kid: row.kid,
    publicJwk: { ...open, ...header },
    privateJwk: { ...jwk, ...header },
    createdAt: row.created_at,
    activeFrom: row.active_from,
  };
}

function aadOf(kid: string): string {
  return `v1|oauth-signing-key|kid=${kid}`;
}

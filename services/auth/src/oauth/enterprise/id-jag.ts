import { hasScope, isScope, type Scope } from '@inferry/contracts';
import { createProxyFetch } from '@inferry/runtime/proxy-fetch';
import { createRemoteJWKSet, customFetch, decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { canonicalResource, isOwnResource, type Place } from '../policy/resource.ts';
import type { EnterpriseIssuer } from './enterprise-issuer.ts';

/** What an identity provider says: this person may use this client here (Identity Assertion JWT Authorization Grant). */
export interface IdJag {
  issuer: string;
  subject: string;
  display: string;
  clientId: string;
  scopes: Scope[];
  jti: string;
  expiresAt: number;
}

export interface IdJagVerifier {
  /** Undefined for everything that is not a good assertion for us. */
  verify(assertion: string): Promise<IdJag | undefined>;
}

const Claims = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(255),
  client_id: z.string(),
  jti: z.string().min(1).max(255),
  exp: z.number(),
  resource: z.union([z.string(), z.array(z.string())]).optional(),
  scope: z.string().optional(),
  email: z.string().optional(),
  name: z.string().optional(),
});

export function createIdJagVerifier(ours: Place, issuers: readonly EnterpriseIssuer[]): IdJagVerifier {
  const options = { timeoutDuration: 3_000, [customFetch]: createProxyFetch() };
  const known = new Map(
    issuers.map((issuer) => [
      issuer.issuer,
      { issuer, keys: createRemoteJWKSet(new URL(issuer.jwksUri), options) },
    ]),
  );
  return {
    async verify(assertion) {
      const trusted = known.get(issuerOf(assertion) ?? '');
      if (trusted === undefined) return undefined;
      const payload = await verified(assertion, trusted.keys, {
        issuer: trusted.issuer.issuer,
        audience: ours.issuer,
      });
      const claims = Claims.safeParse(payload);
      if (!claims.success || !isForUs(claims.data.resource, ours)) return undefined;
      return toIdJag(claims.data, trusted.issuer);
    },
  };
}

function issuerOf(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).iss;
  } catch {
    // Not a JWT: refused like an unknown issuer.
    return undefined;
  }
}

async function verified(
  assertion: string,
  keys: ReturnType<typeof createRemoteJWKSet>,
  expected: { issuer: string; audience: string },
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(assertion, keys, {
      ...expected,
      typ: 'oauth-id-jag+jwt',
      algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
      requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
      maxTokenAge: '10m',
      clockTolerance: 5,
    });
    return payload;
  } catch {
    // Whatever is wrong with it, the answer is the same.
    return undefined;
  }
}

function isForUs(resource: string | string[] | undefined, ours: Place): boolean {
  const named = [resource ?? []].flat();
  return named.every((value) => isOwnResource(canonicalResource(value, ours), ours));
}

function toIdJag(claims: z.infer<typeof Claims>, { scopes, clientIds }: EnterpriseIssuer): IdJag | undefined {
  if (clientIds !== undefined && !clientIds.includes(claims.client_id)) return undefined;
  const asked = (claims.scope ?? '').split(' ').filter(isScope);
  const allowed = asked.filter((scope) => hasScope(scopes, scope));
  return {
    issuer: claims.iss,
    subject: claims.sub,
    display: claims.name ?? claims.email ?? claims.sub,
    clientId: claims.client_id,
    // An assertion that names no scope leaves it to us (the draft, section 4.3).
    scopes: asked.length === 0 ? [...scopes] : allowed,
    jti: claims.jti,
    expiresAt: claims.exp,
  };
}

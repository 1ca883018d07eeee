import { isScope, type Principal, Recent } from '@inferry/contracts';
import { issuerOfHost, type ProfileHost, profileOfAudience } from '@inferry/runtime';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import type { SigningKeys, TokenTrust } from './signing-keys.ts';

/** Whom an access token is for, and when that ends. */
export interface TokenGrant {
  principal: Principal;
  /** The profiles whose mounts it is for; undefined: the whole deployment. */
  profiles?: ReadonlySet<string> | undefined;
  issuedAtMs: number;
  expiresAtMs: number;
}

export interface TokenVerifier {
  readonly isLoaded: boolean;
  /** What a token said that was verified before, unless it is over; undefined: verify it. */
  known(sha256: string): TokenGrant | undefined;
  /** Verifies a token here, without asking anybody; null: it is not one of ours. */
  verify(token: string, sha256: string): Promise<TokenGrant | null>;
  /** Keys are gone: everything is verified again. */
  forget(): void;
}

export interface TokenVerifierOptions {
  now?: () => number;
  /** Tokens remembered. */
  maxTokens?: number;
  /** Each is an issuer of its own. */
  profileHosts?: readonly ProfileHost[];
}

/** Clocks of servers differ by this much at most. */
const toleranceSeconds = 5;
/** Ours have about 0.6 kB. */
const maxTokenLength = 4_096;

const Claims = z.object({
  sub: z.string().min(1).max(200),
  client_id: z.string().min(1).max(2_048),
  gid: z.string().min(1).max(200),
  iat: z.number(),
  exp: z.number(),
  scope: z.string().max(1_000).optional(),
  aud: z.union([z.string(), z.array(z.string())]),
});

/**
 * Access tokens (RFC 9068) are verified locally: algorithm, type and claims are fixed here, whatever the token says of
 * itself, and keys come from our own auth service alone. The second call with a token is one map read.
 */
export function createTokenVerifier(keys: SigningKeys, options: TokenVerifierOptions = {}): TokenVerifier {
  const { now = Date.now, profileHosts = [] } = options;
  const grants = new Recent<TokenGrant>(options.maxTokens ?? 10_000);
  /** Grows when everything is forgotten: what is being verified then is not remembered. */
  let epoch = 0;

  async function check(token: string, trust: TokenTrust): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, trust.keys, {
      issuer: [trust.issuer, ...profileHosts.map((host) => issuerOfHost(host, trust.issuer))],
      typ: 'at+jwt',
      algorithms: ['ES256'],
      // Without this a token that never ends would be accepted.
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'gid', 'aud'],
      clockTolerance: toleranceSeconds,
      currentDate: new Date(now()),
    });
    return payload;
  }

  async function checkWithNewKeys(token: string): Promise<JWTPayload | undefined> {
    if (keys.trust === undefined) return undefined;
    try {
      return await check(token, keys.trust);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await keys.reloadForUnknownKey();
      return keys.trust === undefined ? undefined : await check(token, keys.trust);
    }
  }

  return {
    get isLoaded() {
      return keys.trust !== undefined;
    },
    known(sha256) {
      const grant = grants.get(sha256);
      return grant === undefined || grant.expiresAtMs + toleranceSeconds * 1_000 <= now() ? undefined : grant;
    },
    async verify(token, sha256) {
      if (token.length > maxTokenLength) return null;
      const before = epoch;
      try {
        const claims = Claims.safeParse(await checkWithNewKeys(token));
        if (!claims.success) return null;
        const profiles = profilesOf([claims.data.aud].flat(), keys.trust);
        if (profiles === null) return null;
        const grant = { ...toGrant(claims.data), profiles };
        if (before === epoch) grants.set(sha256, grant);
        return grant;
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
        throw error;
      }
    },
    forget() {
      epoch += 1;
      grants.clear();
    },
  };
}

/** What a token is for: undefined is the whole deployment, null nothing of ours. */
function profilesOf(
  audiences: readonly string[],
  trust: TokenTrust | undefined,
): ReadonlySet<string> | undefined | null {
  if (trust === undefined) return null;
  if (audiences.some((audience) => trust.audiences.includes(audience))) return undefined;
  const named = audiences.flatMap((audience) => profileOfAudience(audience, trust.issuer) ?? []);
  return named.length === 0 ? null : new Set(named);
}

function toGrant({ sub, client_id: client, gid, iat, exp, scope = '' }: z.infer<typeof Claims>): TokenGrant {
  return {
    principal: {
      subject: sub,
      grant_id: gid,
      kind: 'oauth',
      client: client.slice(0, 200),
      scopes: scope.split(' ').filter(isScope),
    },
    issuedAtMs: iat * 1_000,
    expiresAtMs: exp * 1_000,
  };
}

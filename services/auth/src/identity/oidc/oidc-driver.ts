import { createHash } from 'node:crypto';
import type { Secret } from '@inferry/contracts';
import { createProxyFetch, type ProxyFetch } from '@inferry/runtime/proxy-fetch';
import * as oidc from 'openid-client';
import { z } from 'zod';
import type { RedirectDriver, SignInOutcome } from '../driver.ts';

export interface OidcOptions {
  issuer: string;
  clientId: string;
  clientSecret?: Secret | undefined;
  scopes: string;
  /** How the button names it. */
  label: string;
  /** Only people whose verified address is of one of these domains; everybody where it is empty. */
  allowedDomains: readonly string[];
  timeoutSeconds?: number;
}

const Claims = z.object({
  iss: z.string().min(1),
  sub: z.string().min(1).max(255),
  name: z.string().optional().catch(undefined),
  preferred_username: z.string().optional().catch(undefined),
  email: z.string().optional().catch(undefined),
  email_verified: z.boolean().optional().catch(undefined),
});
type Claims = z.infer<typeof Claims>;

/** Signs in at an OpenID provider: code flow with PKCE, a nonce, and a state that belongs to this browser's sign-in. */
export function createOidcDriver(options: OidcOptions): RedirectDriver {
  const fetch = createProxyFetch();
  const configuration = lazily(() => discover(options, fetch));
  return {
    kind: 'redirect',
    id: 'oidc',
    label: options.label,
    async begin({ state, callbackUrl }) {
      const config = await configuration();
      const verifier = oidc.randomPKCECodeVerifier();
      const nonce = oidc.randomNonce();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: callbackUrl,
        scope: options.scopes,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      return { url: url.href, stash: { verifier, nonce } };
    },
    async callback({ url, state, callbackUrl, stash }) {
      if (url.searchParams.get('error') === 'access_denied')
        return { problem: 'You were not signed in there. Try again, or choose another way.' };
      const config = await configuration();
      const here = new URL(callbackUrl);
      here.search = url.search;
      const claims = await claimsOf(config, here, { state, stash });
      return claims === undefined ? { problem: unproven } : toOutcome(options, claims);
    },
  };
}

const unproven =
  'Your sign-in could not be verified. Try again; if it repeats, tell whoever runs this server.';

async function claimsOf(
  config: oidc.Configuration,
  url: URL,
  { state, stash }: { state: string; stash: Readonly<Record<string, string>> },
): Promise<Claims | undefined> {
  const { verifier = '', nonce = '' } = stash;
  try {
    const tokens = await oidc.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    return Claims.parse(tokens.claims());
  } catch {
    // Whatever did not hold (state, issuer, nonce, signature, code): the person can only begin again, and an attacker
    // need not know which it was.
    return undefined;
  }
}

function toOutcome({ allowedDomains }: OidcOptions, claims: Claims): SignInOutcome {
  const { iss, sub, email, email_verified: isVerified } = claims;
  const domain = email?.split('@').at(-1)?.toLowerCase() ?? '';
  if (allowedDomains.length > 0 && !(isVerified === true && allowedDomains.includes(domain)))
    return { problem: 'This account may not sign in here. Use the one of your organisation.' };
  return {
    identity: {
      driver: 'oidc',
      // Both, since a subject is unique within its issuer only (OpenID Connect Core, section 2).
      externalId: createHash('sha256')
        .update(JSON.stringify([iss, sub]))
        .digest('base64url'),
      display: claims.name ?? claims.preferred_username ?? email ?? sub,
    },
  };
}

async function discover(options: OidcOptions, fetch: ProxyFetch): Promise<oidc.Configuration> {
  const { issuer, clientId, clientSecret, timeoutSeconds = 5 } = options;
  const url = new URL(issuer);
  // A provider on this machine, as in a test; parsing the configuration refuses plain http everywhere else.
  const execute = url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [];
  const authentication =
    clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret.reveal());
  const reach = { timeout: timeoutSeconds, [oidc.customFetch]: fetch };
  return oidc.discovery(url, clientId, undefined, authentication, { execute, ...reach });
}

const rediscoverMs = 3_600_000;

/** Asked for when first needed, kept for an hour, and asked for again after a failure: a start needs no provider. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let kept: { value: Promise<T>; until: number } | undefined;
  return () => {
    if (kept === undefined || kept.until < Date.now()) {
      const value = make();
      kept = { value, until: Date.now() + rediscoverMs };
      const mine = kept;
      value.catch(() => {
        if (kept === mine) kept = undefined;
      });
    }
    return kept.value;
  };
}

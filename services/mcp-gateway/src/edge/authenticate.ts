import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { localPrincipal, type Principal } from '@inferry/contracts';
import { type Refusal, refuse, refuseUnavailable } from '../refusal.ts';
import type { Challenger } from './challenge.ts';
import type { KeyVerifier } from './key-verifier.ts';
import { oneValue } from './one-value.ts';
import { jwtShape, type PassthroughVerifier } from './passthrough-verifier.ts';
import type { RevokedGrants } from './revoked-grants.ts';
import type { TokenGrant, TokenVerifier } from './token-verifier.ts';

type Outcome = Principal | Refusal;

/** Who a request is made for; it waits only when the credential was not seen lately. */
export type Authenticate = (request: IncomingMessage) => Outcome | Promise<Outcome>;

/** Anybody who reaches a system that is bound to loopback is its one user. */
export const authenticateLocal: Authenticate = () => localPrincipal;

export interface BearerAuthentication {
  /** Our own API keys. */
  keys: KeyVerifier;
  /** Access tokens; undefined: there is no authorization server. */
  tokens?: TokenVerifier | undefined;
  /** Keys that callers bring along; undefined: none are taken. */
  passthrough?: PassthroughVerifier | undefined;
  revoked: RevokedGrants;
  challenge: Challenger;
  /** Without the bus no revocation arrives: tokens that are older than this are refused then; 0: none. */
  maxStaleMs?: number | undefined;
  now?: (() => number) | undefined;
}

const maxBearer = 16_384;
const bearerPattern = /^Bearer +([^\s]{1,16384})$/i;
const keyPattern = /^ifr_[A-Za-z0-9_-]{16,200}$/;

/** Credentials as bearer tokens. What came goes no further than this: a principal does. */
export function createBearerAuthentication(parts: BearerAuthentication): Authenticate {
  const { keys, tokens, passthrough, revoked, maxStaleMs = 0, now = Date.now } = parts;
  const refusals = createRefusals(parts);

  function admitKey(principal: Principal | null | undefined): Outcome {
    if (principal === undefined) return refuseUnavailable('Credentials cannot be checked now.');
    return principal === null || revoked.has(principal.grant_id) ? refusals.badKey : principal;
  }

  function admitToken(grant: TokenGrant | null): Outcome {
    if (grant === null || revoked.has(grant.principal.grant_id)) return refusals.badToken;
    const isStale = maxStaleMs > 0 && revoked.deafMs > maxStaleMs && now() - grant.issuedAtMs > maxStaleMs;
    return isStale ? refusals.stale : grant.principal;
  }

  function authenticateToken(verifier: TokenVerifier, token: string, sha256: string) {
    if (!verifier.isLoaded || !revoked.isLoaded) return refusals.notLoaded;
    return verifier.verify(token, sha256).then(admitToken);
  }

  function authenticateKey(verifier: KeyVerifier, sha256: string): Outcome | Promise<Outcome> {
    if (!revoked.isLoaded) return refusals.notLoaded;
    const known = verifier.known(sha256);
    return known === undefined ? verifier.verify(sha256).then(admitKey) : admitKey(known);
  }

  return ({ headers }) => {
    const authorization = oneValue(headers.authorization);
    if (authorization === undefined) return refusals.missing;
    const bearer = readBearer(authorization);
    if (bearer === undefined) return refusals.malformed;
    const sha256 = hash('sha256', bearer);
    // Before its shape is looked at: what was verified before has a good one.
    const known = tokens?.known(sha256);
    if (known !== undefined) return admitToken(known);
    const verifier = keyPattern.test(bearer) ? keys : passthroughFor(passthrough, bearer);
    if (verifier !== undefined) return authenticateKey(verifier, sha256);
    const isToken = tokens !== undefined && jwtShape.test(bearer);
    return isToken ? authenticateToken(tokens, bearer, sha256) : refusals.malformed;
  };
}

/** What stands behind the scheme as every client writes it, or as any client may (RFC 9110, section 11.4). */
function readBearer(authorization: string): string | undefined {
  if (authorization.startsWith('Bearer ') && authorization.length < maxBearer) {
    const bearer = authorization.slice(7);
    if (bearer !== '' && !bearer.includes(' ')) return bearer;
  }
  return bearerPattern.exec(authorization)?.[1];
}

function passthroughFor(passthrough: PassthroughVerifier | undefined, key: string): KeyVerifier | undefined {
  if (passthrough?.providerOf(key) === undefined) return undefined;
  return {
    known: (sha256) => passthrough.known(sha256),
    verify: (sha256) => passthrough.verify(key, sha256),
  };
}

/** Made once: refusing costs less than serving. */
function createRefusals({ tokens, passthrough, challenge }: BearerAuthentication) {
  const hasServer = tokens !== undefined;
  const keyHint = `Send Authorization: Bearer ifr_…${passthrough === undefined ? '' : ' or a provider’s key'}`;
  return {
    missing: refuse(
      401,
      ['missing_authorization', hasServer ? 'Sign in, or send an API key.' : 'An API key is needed.'],
      {
        nextAction: hasServer
          ? 'Sign in through the authorization server that WWW-Authenticate leads to, or send an API key.'
          : `${keyHint} with every request.`,
        headers: hasServer ? challenge({ scope: 'mcp' }) : challenge(),
      },
    ),
    malformed: refuse(401, ['malformed_authorization', 'This is not an API key of this server.'], {
      nextAction: `${keyHint}; a variable may have been sent by its name instead of its value.`,
      headers: challenge({ error: 'invalid_token', isKey: true }),
    }),
    badKey: refuse(401, ['invalid_token', 'This API key is unknown, expired or revoked.'], {
      nextAction: 'Create a new key and configure it in the client.',
      headers: challenge({ error: 'invalid_token', isKey: true }),
    }),
    badToken: refuse(401, ['invalid_token', 'This access token is not valid here, or not any more.'], {
      nextAction: 'Refresh it, or sign in again.',
      headers: challenge({ error: 'invalid_token', scope: 'mcp' }),
    }),
    notLoaded: refuseUnavailable('This replica is starting.'),
    stale: refuseUnavailable('Credentials cannot be checked now.'),
  };
}

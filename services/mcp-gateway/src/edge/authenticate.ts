import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Principal, Recent } from '@inferry/contracts';
import { isRefusal } from '@inferry/mcp';
import { type HttpRefusal, refuse, refuseUnavailable } from '../http-refusal.ts';
import type { AccessAt, Challenger } from './challenge.ts';
import type { KeyVerifier } from './key-verifier.ts';
import { jwtShape, type PassthroughVerifier } from './passthrough-verifier.ts';
import type { ProbeGate } from './probe-gate.ts';
import { oneValue } from './request-head.ts';
import type { RevokedGrants } from './revoked-grants.ts';
import type { TokenGrant, TokenVerifier } from './token-verifier.ts';

type Outcome = Principal | HttpRefusal;

/** Who a request is made for; it waits only when the credential was not seen lately. */
export type Authenticate = (request: IncomingMessage) => Outcome | Promise<Outcome>;

export interface BearerAuthentication {
  /** Our own API keys. */
  keys: KeyVerifier;
  /** Access tokens; undefined: there is no authorization server. */
  tokens?: TokenVerifier | undefined;
  /** Keys that callers bring along; undefined: none are taken. */
  passthrough?: PassthroughVerifier | undefined;
  /** Whether such keys are taken at every mount. */
  takesKeys?: boolean | undefined;
  /** What the mount says of keys that a request came to. */
  accessAt?: AccessAt | undefined;
  /** Stands before the platforms that such keys are tried at. */
  probes?: ProbeGate | undefined;
  revoked: RevokedGrants;
  /** The profile whose mount a request came to; undefined: the deployment's own. */
  profileOf?: ((request: IncomingMessage) => string | undefined) | undefined;
  challenge: Challenger;
  /** Without the bus no revocation arrives: tokens that are older than this are refused then; 0: none. */
  maxStaleMs?: number | undefined;
  now?: (() => number) | undefined;
}

const maxBearer = 16_384;
const bearerPattern = /^Bearer +([^\s]{1,16384})$/i;
/** What a client sends whose variable is not set. */
const placeholder = /^bearer\s*(undefined|null|none|""|''|\[object object\]|\$\{[^}]*\})?$/i;
const notLoaded = refuseUnavailable('This replica is starting.');
const stale = refuseUnavailable('Credentials cannot be checked now.');
const keyPattern = /^ifr_[A-Za-z0-9_-]{16,200}$/;

/** Credentials as bearer tokens. What came goes no further than this: a principal does. */
export function createBearerAuthentication(parts: BearerAuthentication): Authenticate {
  const { keys, tokens, revoked, maxStaleMs = 0, now = Date.now } = parts;
  const refusalsFor = createRefusals(parts);

  function admitKey(request: IncomingMessage, principal: Verdict): Outcome {
    if (principal === undefined) return refuseUnavailable('Credentials cannot be checked now.');
    if (principal === null) return refusalsFor(request).badKey;
    if (isRefusal(principal)) return principal;
    return revoked.has(principal.grant_id) ? refusalsFor(request).badKey : principal;
  }

  function isFor({ profiles }: TokenGrant, request: IncomingMessage): boolean {
    return profiles === undefined || profiles.has(parts.profileOf?.(request) ?? '');
  }

  function admitToken(request: IncomingMessage, grant: TokenGrant | null): Outcome {
    if (grant === null || !isFor(grant, request) || revoked.has(grant.principal.grant_id))
      return refusalsFor(request).badToken;
    const isStale = maxStaleMs > 0 && revoked.deafMs > maxStaleMs && now() - grant.issuedAtMs > maxStaleMs;
    return isStale ? stale : grant.principal;
  }

  function authenticateKey(
    request: IncomingMessage,
    verifier: Verifier,
    sha256: string,
  ): Outcome | Promise<Outcome> {
    if (!revoked.isLoaded) return notLoaded;
    const known = verifier.known(sha256);
    if (known !== undefined) return admitKey(request, known);
    return verifier.verify(sha256).then((verdict) => admitKey(request, verdict));
  }

  function authenticateToken(
    request: IncomingMessage,
    verifier: TokenVerifier,
    { bearer, sha256 }: { bearer: string; sha256: string },
  ): Outcome | Promise<Outcome> {
    if (!verifier.isLoaded || !revoked.isLoaded) return notLoaded;
    return verifier.verify(bearer, sha256).then((grant) => admitToken(request, grant));
  }

  return (request) => {
    const authorization = oneValue(request.headers.authorization);
    if (authorization === undefined || placeholder.test(authorization)) return refusalsFor(request).missing;
    const bearer = readBearer(authorization);
    if (bearer === undefined) return refusalsFor(request).malformed;
    const sha256 = hash('sha256', bearer);
    // Before its shape is looked at: what was verified before has a good one.
    const known = tokens?.known(sha256);
    if (known !== undefined) return admitToken(request, known);
    const verifier = keyPattern.test(bearer) ? keys : passthroughFor(parts, bearer, request);
    if (verifier !== undefined) return authenticateKey(request, verifier, sha256);
    return tokens === undefined || !jwtShape.test(bearer)
      ? explain(parts, refusalsFor(request).malformed, { bearer, request })
      : authenticateToken(request, tokens, { bearer, sha256 });
  };
}

/** A key that is refused by design is told so: it is not broken, and sending it again does not help. */
function explain(
  { passthrough, accessAt }: BearerAuthentication,
  malformed: HttpRefusal,
  { bearer, request }: { bearer: string; request: IncomingMessage },
): HttpRefusal {
  const found = passthrough?.refusalOf(bearer, accessAt?.(request));
  if (found === undefined) return malformed;
  const message = found.reason ?? `Keys that begin with ${found.prefix} are not taken here.`;
  return refuse(401, ['malformed_authorization', message], {
    nextAction: 'Send another kind of key.',
    headers: malformed.headers ?? {},
  });
}

type Verdict = Principal | HttpRefusal | null | undefined;

interface Verifier {
  known(sha256: string): Principal | null | undefined;
  verify(sha256: string): Promise<Verdict>;
}

/** What stands behind the scheme as every client writes it, or as any client may (RFC 9110, section 11.4). */
function readBearer(authorization: string): string | undefined {
  if (authorization.startsWith('Bearer ') && authorization.length < maxBearer) {
    const bearer = authorization.slice(7);
    if (bearer !== '' && !bearer.includes(' ')) return bearer;
  }
  return bearerPattern.exec(authorization)?.[1];
}

function passthroughFor(
  { passthrough, probes, accessAt }: BearerAuthentication,
  key: string,
  request: IncomingMessage,
): Verifier | undefined {
  const provider = passthrough?.providerOf(key, accessAt?.(request));
  if (passthrough === undefined || provider === undefined) return undefined;
  return {
    known: (sha256) => passthrough.known({ sha256, provider }),
    verify(sha256) {
      const ask = () => passthrough.verify({ key, sha256, provider });
      if (probes === undefined) return ask();
      return probes.pass({ request, provider, isBad: (verdict) => verdict === null }, ask);
    },
  };
}

type Refusals = ReturnType<typeof refusalsAt>;

/** More addresses than a deployment has; what a client makes up is forgotten again. */
const maxAddresses = 200;

/** Asked for when something is refused, and made once for each address: refusing costs less than serving. */
function createRefusals(parts: BearerAuthentication): (request: IncomingMessage) => Refusals {
  const made = new Recent<Refusals>(maxAddresses);
  return (request) => {
    const { challenge, takesKeys } = parts;
    const hasKeys = takesKeys === true || parts.accessAt?.(request).keyPrefixes !== undefined;
    const key = `${hasKeys} ${challenge({ scope: 'mcp' }, request)['www-authenticate']}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const own: Challenger = (wanted) => challenge(wanted, request);
    const refusals = refusalsAt(own, { hasServer: parts.tokens !== undefined, hasKeys });
    made.set(key, refusals);
    return refusals;
  };
}

function refusalsAt(challenge: Challenger, { hasServer, hasKeys }: { hasServer: boolean; hasKeys: boolean }) {
  const keyHint = `Send Authorization: Bearer ifr_…${hasKeys ? ' or a provider’s key' : ''}`;
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
  };
}

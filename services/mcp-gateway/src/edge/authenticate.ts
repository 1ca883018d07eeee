import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { localPrincipal, type Principal } from '@inferry/contracts';
import { type Refusal, refuse, refuseUnavailable } from '../refusal.ts';
import type { createChallenger } from './challenge.ts';
import type { KeyVerifier } from './key-verifier.ts';
import type { RevokedGrants } from './revoked-grants.ts';

/** Who a request is made for; it waits only when the credential was not seen lately. */
export type Authenticate = (request: IncomingMessage) => Principal | Refusal | Promise<Principal | Refusal>;

/** Anybody who reaches a system that is bound to loopback is its one user. */
export const authenticateLocal: Authenticate = () => localPrincipal;

export interface KeyAuthentication {
  verifier: KeyVerifier;
  revoked: RevokedGrants;
  challenge: ReturnType<typeof createChallenger>;
}

const keyPattern = /^Bearer +(ifr_[A-Za-z0-9_-]{16,200})$/i;

/** API keys as bearer tokens. The key itself goes no further than its SHA-256. */
export function createKeyAuthentication({ verifier, revoked, challenge }: KeyAuthentication): Authenticate {
  const missing = refuse(401, ['missing_authorization', 'An API key is needed.'], {
    nextAction: 'Send Authorization: Bearer ifr_… with every request.',
    headers: challenge(),
  });
  const malformed = refuse(401, ['malformed_authorization', 'This is not an API key of this server.'], {
    nextAction:
      'Send Authorization: Bearer ifr_…; a variable may have been sent by its name instead of its value.',
    headers: challenge({ error: 'invalid_token' }),
  });
  const invalid = refuse(401, ['invalid_token', 'This API key is unknown, expired or revoked.'], {
    nextAction: 'Create a new key and configure it in the client.',
    headers: challenge({ error: 'invalid_token' }),
  });
  const notLoaded = refuseUnavailable('This replica is starting.');

  function admit(principal: Principal | null | undefined): Principal | Refusal {
    if (principal === undefined) return refuseUnavailable('Credentials cannot be checked now.');
    return principal === null || revoked.has(principal.grant_id) ? invalid : principal;
  }

  return ({ headers }) => {
    const { authorization } = headers;
    if (authorization === undefined || authorization === '') return missing;
    const key = keyPattern.exec(authorization)?.[1];
    if (key === undefined) return malformed;
    if (!revoked.isLoaded) return notLoaded;
    const sha256 = hash('sha256', key);
    const known = verifier.known(sha256);
    return known === undefined ? verifier.verify(sha256).then(admit) : admit(known);
  };
}

import type { AdapterPayload } from 'oidc-provider';
import type { Grant } from '../grants/grants.ts';
import { resourceOf } from '../settings.ts';

/** A grant as the engine reads it: the scopes are of the resource, and of itself so that it knows them. */
export function toEngineGrant(grant: Grant, issuer: string): AdapterPayload {
  const scope = grant.scopes.join(' ');
  return {
    jti: grant.grantId,
    kind: 'Grant',
    accountId: grant.subject,
    clientId: grant.clientId,
    iat: Math.floor(grant.createdAt / 1_000),
    exp: Math.floor(grant.expiresAt / 1_000),
    openid: { scope },
    resources: { [resourceOf(issuer)]: scope },
  };
}

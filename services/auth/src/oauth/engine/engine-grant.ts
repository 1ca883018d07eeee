// Grants of ours as the protocol engine reads them.
import type { AdapterPayload } from 'oidc-provider';
import type { Grant } from '../grants/grants.ts';
import { isOwnResource } from '../policy/resource.ts';
import type { OAuthSettings } from '../settings.ts';

/**
 * A grant as the engine reads it: the scopes are of every resource that may be named here, and of itself so that it knows
 * them. Which of the resources a code or refresh token is for stands in those.
 */
export function toEngineGrant(grant: Grant, settings: OAuthSettings): AdapterPayload {
  const scope = grant.scopes.join(' ');
  return {
    jti: grant.grantId,
    kind: 'Grant',
    accountId: grant.subject,
    clientId: grant.clientId,
    iat: Math.floor(grant.createdAt / 1_000),
    exp: Math.floor(grant.expiresAt / 1_000),
    openid: { scope },
    resources: new Proxy<Record<string, string>>(
      {},
      {
        get: (_all, name) => (typeof name === 'string' && isOwnResource(name, settings) ? scope : undefined),
      },
    ),
  };
}

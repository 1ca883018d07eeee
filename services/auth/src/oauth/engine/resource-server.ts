import type { ResourceServer } from 'oidc-provider';
import { allScopes } from '../policy/scopes.ts';
import { type OAuthSettings, resourceOf } from '../settings.ts';

/** The gateway, as the engine knows it: JWTs of this length of life, for this audience. */
export function resourceServerOf(settings: OAuthSettings): ResourceServer {
  return {
    scope: allScopes.join(' '),
    audience: resourceOf(settings.issuer),
    accessTokenFormat: 'jwt',
    accessTokenTTL: settings.accessTokenSeconds,
    jwt: { sign: { alg: 'ES256' } },
  };
}

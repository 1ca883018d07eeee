import type { ResourceServer } from 'oidc-provider';
import { allScopes } from '../policy/scopes.ts';
import type { OAuthSettings } from '../settings.ts';

/** A mount of the gateway, as the engine knows it: JWTs of this length of life, for this audience. */
export function resourceServerOf(settings: OAuthSettings, resource: string): ResourceServer {
  return {
    scope: allScopes.join(' '),
    audience: resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: settings.accessTokenSeconds,
    jwt: { sign: { alg: 'ES256' } },
  };
}

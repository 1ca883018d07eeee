import type { Secret } from '@inferry/contracts';
import { ConfigError, type Env, type ServiceSecrets } from '@inferry/runtime';
import { deriveSecret } from '@inferry/seals';
import { type IdentityConfig, parseIdentityConfig } from './identity/config.ts';
import { type OAuthConfig, parseOAuthConfig } from './oauth/config.ts';

/** What it takes to let people sign in with a browser; without it there are keys only. */
export interface AuthorizationOptions {
  config: OAuthConfig;
  identity: IdentityConfig;
  /** Where clients reach this deployment: the issuer. */
  publicUrl: string;
  /** For the protocol, and for the pages. */
  secret: Secret;
  pagesSecret: Secret;
}

/** Reads what it takes from the environment; undefined where OAuth is off. Throws `ConfigError`. */
export function parseAuthorization(
  env: Env,
  { publicUrl, secret }: { publicUrl: string | undefined; secret: Secret | ServiceSecrets['of'] },
): AuthorizationOptions | undefined {
  const config = parseOAuthConfig(env);
  if (!config.isOn) return undefined;
  if (publicUrl === undefined) throw new ConfigError(['PUBLIC_URL: must be set, it is the issuer of tokens']);
  const of =
    typeof secret === 'function' ? secret : (purpose: 'oauth' | 'pages') => deriveSecret(secret, purpose);
  return {
    ...{ config, publicUrl, identity: parseIdentityConfig(env) },
    secret: of('oauth'),
    pagesSecret: of('pages'),
  };
}

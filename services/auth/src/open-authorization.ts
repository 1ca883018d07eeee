import { createHash } from 'node:crypto';
import { profiles } from '@inferry/profiles';
import type { Provider } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { AuthorizationOptions } from './authorization-options.ts';
import { admit } from './identity/accounts.ts';
import type { Identity } from './identity/driver.ts';
import { takeMinted } from './identity/handoff/take-minted.ts';
import {
  type AuthEngine,
  createAuthEngine,
  type Grants,
  type OAuthSettings,
  toSettings,
} from './oauth/index.ts';
import { createLocalSealer } from './oauth/signing/key-sealer.ts';
import { openPages } from './pages/open-pages.ts';
import type { ProfilePages } from './pages/page-context.ts';
import type { CredentialService } from './rpc/open-credentials.ts';
import { withEarlierSealer } from './vault/vault.ts';

interface Neighbours {
  credentials: CredentialService;
  providers: readonly Provider[];
  now(): number;
}

/** The authorization server with the pages of this deployment. */
export async function openAuthorization(
  parts: Pick<Parts, 'bus' | 'database' | 'limits' | 'log'>,
  options: AuthorizationOptions,
  { credentials, providers, now }: Neighbours,
): Promise<AuthEngine> {
  const { config, identity, secret, pagesSecret } = options;
  const settings = {
    ...toSettings(config, options.publicUrl, secret),
    shortPathProfiles: new Set(
      profiles.filter(({ access }) => access.hasShortOAuthPaths === true).map(({ key }) => key),
    ),
  };
  let grants: Grants | undefined;
  const pages = ({ issuer, proxies, profile }: OAuthSettings) =>
    openPages(parts, {
      ...{ config: identity, credentials, providers, now, secret: pagesSecret },
      ...{ publicUrl: issuer, filesUrl: options.publicUrl, proxies, profile, profiles: profilePages },
      grants() {
        if (grants === undefined) throw new Error('the authorization server is not open yet');
        return grants;
      },
    });
  const local = createLocalSealer(secret);
  const { vault } = credentials;
  const engine = await createAuthEngine(parts, {
    ...{ settings, pages, now, clients: config.clients },
    takeMinted: identity.isMintedGiven
      ? (grant) => takeMinted({ connections: credentials.connections, grants }, grant)
      : undefined,
    sealer: vault === undefined ? local : withEarlierSealer(vault.sealer, local),
    enterprise: {
      issuers: config.enterprise,
      async admit(person) {
        const accounts = { database: parts.database, vault: noKeys, now };
        return (await admit(accounts, toIdentity(person)))?.subject;
      },
    },
  });
  grants = engine.grants;
  return engine;
}

/** Profiles of one platform: no other platform's key opens them. */
const profilePages: ReadonlyMap<string, Omit<ProfilePages, 'branding'>> = new Map(
  profiles
    .filter(({ providers }) => providers !== undefined)
    .map(({ key, providers, access: { isKeyFirst, offeredScopes } }) => [
      key,
      { providers, isKeyFirst, offeredScopes },
    ]),
);

/** Assertions bring no key along. */
const noKeys = { put: async (): Promise<void> => undefined };

/** The same account as when the person signs in at their provider with a browser. */
function toIdentity({
  issuer,
  subject,
  display,
}: {
  issuer: string;
  subject: string;
  display: string;
}): Identity {
  const externalId = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('base64url');
  return { driver: 'oidc', externalId, display };
}

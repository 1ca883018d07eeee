import type { Secret } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { type AddressRanges, ConfigError, type Parts } from '@inferry/runtime';
import { createApiKeyDriver } from '../identity/apikey/apikey-driver.ts';
import { createKeyProviders } from '../identity/apikey/key-providers.ts';
import type { IdentityConfig } from '../identity/config.ts';
import type { DriverId, IdentityDriver } from '../identity/driver.ts';
import { createHandoffDriver } from '../identity/handoff/handoff-driver.ts';
import { createRunpodDriver } from '../identity/handoff/runpod-driver.ts';
import { createLocalDriver } from '../identity/local/local-driver.ts';
import { createOidcDriver } from '../identity/oidc/oidc-driver.ts';
import { createUserConnections } from '../identity/user-connections.ts';
import type { Grants, OAuthPages } from '../oauth/index.ts';
import type { Connections } from '../vault/connections.ts';
import type { Fingerprint } from '../vault/fingerprint.ts';
import { createPages } from './create-pages.ts';
import type { ProfilePages } from './page-context.ts';

export interface PagesOptions {
  config: IdentityConfig;
  credentials: { connections: Connections; fingerprint: Fingerprint | undefined };
  providers: readonly Provider[];
  /** The issuer: without a trailing slash. */
  publicUrl: string;
  /** Where files are: the deployment, whatever host these pages are at. */
  filesUrl?: string | undefined;
  /** 32 bytes in base64url, for the pages alone. */
  secret: Secret;
  proxies: AddressRanges;
  /** Profiles that people sign in to in a way of their own. */
  profiles?: ReadonlyMap<string, Omit<ProfilePages, 'branding'>> | undefined;
  /** The profile whose host these pages are at: all of them look like it. */
  profile?: string | undefined;
  /** Late, because the authorization server that has them needs these pages first. */
  grants(): Pick<Grants, 'list' | 'revokeOwn'>;
  now?: (() => number) | undefined;
  /** For tests: how a driver waits. */
  pause?: ((ms: number) => Promise<unknown>) | undefined;
}

/** How people sign in here, and every page that they see. Throws `ConfigError` when a driver cannot work. */
export function openPages(
  parts: Pick<Parts, 'bus' | 'database' | 'limits' | 'log'>,
  options: PagesOptions,
): OAuthPages {
  const { bus, database, limits, log } = parts;
  const { config, credentials, publicUrl, filesUrl, secret, proxies, grants, now = Date.now } = options;
  const providers = new Map(options.providers.map((provider) => [provider.slug, provider]));
  const keyProviders = createKeyProviders(options.providers, config.keyProviders);
  refuseUnusable(options, keyProviders.list());
  const fingerprint = credentials.fingerprint ?? noFingerprint;
  const { rules, canSignUp, sessionSeconds, branding } = config;
  const make: Record<DriverId, () => IdentityDriver | undefined> = {
    local: () => createLocalDriver({ database, limits, rules }),
    apikey: () => createApiKeyDriver({ providers: keyProviders, limits, rules, fingerprint }),
    oidc: () => config.oidc && createOidcDriver(config.oidc),
    handoff: () => config.handoff && createHandoffDriver({ ...config.handoff, fingerprint }),
    runpod: () =>
      createRunpodDriver({ ...config.runpod, fingerprint, ...(options.pause && { pause: options.pause }) }),
  };
  const connections = createUserConnections({
    ...{ bus, database, providers, fingerprint: credentials.fingerprint },
    connections: credentials.connections,
  });
  return createPages(
    {
      ...{ bus, database, limits, grants, connections },
      drivers: config.drivers.flatMap((id) => make[id]() ?? []),
      keyProviders: credentials.connections.canStore ? keyProviders.list() : [],
      onError: (error) => log.error({ err: error }, 'a page failed'),
    },
    {
      ...{ publicUrl, filesUrl, secret, proxies, canSignUp, sessionSeconds, rules, now },
      operators: config.operators,
      branding: config.profileBrands.get(options.profile ?? '') ?? branding,
      profiles: toProfilePages(options),
    },
  );
}

function toProfilePages({ config, profiles = new Map() }: PagesOptions): Map<string, ProfilePages> {
  const keys = new Set([...profiles.keys(), ...config.profileBrands.keys()]);
  return new Map(
    [...keys].map((key) => [key, { ...profiles.get(key), branding: config.profileBrands.get(key) }]),
  );
}

function refuseUnusable(
  { config, credentials }: PagesOptions,
  keyProviders: readonly { slug: string }[],
): void {
  const problems: string[] = [];
  const takesKeys = config.drivers.filter((id) => ['apikey', 'handoff', 'runpod'].includes(id));
  if (takesKeys.length > 0 && !credentials.connections.canStore)
    problems.push(`AUTH_DRIVERS: ${takesKeys.join(', ')} needs AUTH_KEKS, to store keys encrypted`);
  if (takesKeys.length > 0 && credentials.fingerprint === undefined)
    problems.push(`AUTH_DRIVERS: ${takesKeys.join(', ')} needs INFERRY_SECRET`);
  const missing =
    config.keyProviders?.filter((name) => !keyProviders.some(({ slug }) => slug === name)) ?? [];
  if (missing.length > 0)
    problems.push(`AUTH_KEY_PROVIDERS: ${missing.join(', ')} cannot be tried here or is not connected`);
  if (config.drivers.includes('apikey') && keyProviders.length === 0)
    problems.push('AUTH_DRIVERS: apikey needs a provider that can tell whether a key is good');
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Never called: the drivers that need it are refused without it. */
function noFingerprint(): never {
  throw new Error('no secret to make fingerprints with');
}

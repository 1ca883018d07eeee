import { Secret } from '@inferry/contracts';
import { BrandEnv, type Brands, readBrands } from '@inferry/pages';
import { ConfigError, type Env, envInt, envList, isLoopback, parseEnv } from '@inferry/runtime';
import { z } from 'zod';
import { type AttemptRules, defaultAttemptRules } from './attempts.ts';
import { type DriverId, driverIds } from './driver.ts';
import type { HandoffOptions } from './handoff/handoff-driver.ts';
import type { RunpodSignInOptions } from './handoff/runpod-driver.ts';
import type { OidcOptions } from './oidc/oidc-driver.ts';

const IdentityEnv = z.object({
  /** Ways to sign in, in the order in which they are offered: local, apikey, oidc, handoff, runpod. */
  AUTH_DRIVERS: envList.default(['local']),
  /** Whether anybody may make a local account. */
  AUTH_SIGN_UP: z.enum(['closed', 'open']).default('closed'),
  /** Hours after which an unused session of the account page ends. */
  AUTH_SESSION_HOURS: envInt(1, 24 * 30).default(12),
  /** Who sees how the deployment does: ids of accounts, and user names that `npm run accounts` made. */
  OPERATORS: envList.default([]),
  /** Tries to sign in: of one address in ten minutes, for one account in fifteen. */
  AUTH_TRIES_ADDRESS: envInt(1, 1_000_000).default(defaultAttemptRules.perAddress),
  AUTH_TRIES_ACCOUNT: envInt(1, 1_000_000).default(defaultAttemptRules.perAccount),
  /** Providers whose keys are taken; default: all that can tell whether a key is good. */
  AUTH_KEY_PROVIDERS: envList.optional(),
  OIDC_ISSUER: z.url().optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_SCOPES: z.string().default('openid profile email'),
  /** The text of the button. */
  OIDC_LABEL: z.string().max(60).default('Continue with single sign-on'),
  /** Domains of verified addresses that may sign in; default: everybody whom the provider vouches for. */
  OIDC_ALLOWED_DOMAINS: envList.default([]),
  /** A provider whose console mints keys for us, and its three addresses. */
  HANDOFF_PROVIDER: z.string().optional(),
  HANDOFF_TITLE: z.string().max(60).optional(),
  HANDOFF_CONSOLE_URL: z.url().optional(),
  HANDOFF_REQUEST_URL: z.url().optional(),
  HANDOFF_CLAIM_URL: z.url().optional(),
  /** What a client gets that was let in by a minted key: a token of ours, or the key itself, which then is not kept here. */
  HANDOFF_TOKENS: z.enum(['own', 'minted']).default('own'),
  /** Driver runpod: the backend that mints, the console that approves, and the minted key's name (empty: none is sent). */
  RUNPOD_GRAPHQL_URL: z.url().default('https://api.runpod.io/graphql'),
  CONSOLE_BASE_URL: z.url().default('https://console.runpod.io'),
  RUNPOD_API_KEY_NAME: z.string().max(100).default('runpod-mcp'),
  ...BrandEnv.shape,
});
type IdentityEnv = z.infer<typeof IdentityEnv>;

export interface IdentityConfig extends Brands {
  drivers: readonly DriverId[];
  canSignUp: boolean;
  sessionSeconds: number;
  operators: ReadonlySet<string>;
  rules: AttemptRules;
  keyProviders: readonly string[] | undefined;
  oidc: OidcOptions | undefined;
  handoff: Omit<HandoffOptions, 'fingerprint'> | undefined;
  runpod: Pick<RunpodSignInOptions, 'graphqlUrl' | 'consoleUrl' | 'keyName'>;
  /** Clients get the minted key itself. */
  isMintedGiven: boolean;
}

/** Reads the variables of signing in and of the pages; throws `ConfigError` with every problem at once. */
export function parseIdentityConfig(env: Env): IdentityConfig {
  const parsed = parseEnv(IdentityEnv, env);
  const { branding, profileBrands, problems: badBrands } = readBrands(parsed);
  const problems = [...problemsOf(parsed), ...badBrands];
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({
    drivers: [...new Set(parsed.AUTH_DRIVERS.filter(isDriver))],
    canSignUp: parsed.AUTH_SIGN_UP === 'open',
    sessionSeconds: parsed.AUTH_SESSION_HOURS * 3_600,
    operators: new Set(parsed.OPERATORS),
    rules: { perAddress: parsed.AUTH_TRIES_ADDRESS, perAccount: parsed.AUTH_TRIES_ACCOUNT },
    keyProviders: parsed.AUTH_KEY_PROVIDERS,
    oidc: toOidc(parsed),
    handoff: toHandoff(parsed),
    runpod: {
      graphqlUrl: parsed.RUNPOD_GRAPHQL_URL,
      consoleUrl: parsed.CONSOLE_BASE_URL.replace(/\/+$/, ''),
      // An empty name is not an unset one: it is for backends that take none.
      keyName: env.RUNPOD_API_KEY_NAME === '' ? undefined : parsed.RUNPOD_API_KEY_NAME,
    },
    isMintedGiven: parsed.HANDOFF_TOKENS === 'minted',
    branding,
    profileBrands,
  });
}

function* problemsOf(env: IdentityEnv): Generator<string> {
  const unknown = env.AUTH_DRIVERS.filter((name) => !isDriver(name));
  if (unknown.length > 0) yield `AUTH_DRIVERS: ${unknown.join(', ')} is none of ${driverIds.join(', ')}`;
  if (env.AUTH_DRIVERS.length === 0) yield 'AUTH_DRIVERS: names at least one way to sign in';
  if (env.AUTH_SIGN_UP === 'open' && !env.AUTH_DRIVERS.includes('local'))
    yield 'AUTH_SIGN_UP: accounts can be made only where AUTH_DRIVERS has local';
  if (env.AUTH_DRIVERS.includes('oidc')) yield* missing(env, ['OIDC_ISSUER', 'OIDC_CLIENT_ID'], 'oidc');
  if (env.AUTH_DRIVERS.includes('handoff')) yield* missing(env, handoffNames, 'handoff');
  for (const name of [
    'OIDC_ISSUER',
    'HANDOFF_CONSOLE_URL',
    'HANDOFF_REQUEST_URL',
    'HANDOFF_CLAIM_URL',
    'RUNPOD_GRAPHQL_URL',
    'CONSOLE_BASE_URL',
  ] as const) {
    const url = env[name] === undefined ? undefined : new URL(env[name]);
    if (
      url !== undefined &&
      url.protocol !== 'https:' &&
      !(url.protocol === 'http:' && isLoopback(url.hostname))
    )
      yield `${name}: must be an https: URL`;
  }
}

const handoffNames = [
  'HANDOFF_PROVIDER',
  'HANDOFF_CONSOLE_URL',
  'HANDOFF_REQUEST_URL',
  'HANDOFF_CLAIM_URL',
] as const;

function* missing(
  env: IdentityEnv,
  names: readonly (keyof IdentityEnv)[],
  driver: string,
): Generator<string> {
  for (const name of names) if (env[name] === undefined) yield `${name}: is needed by the driver ${driver}`;
}

function toOidc(env: IdentityEnv): OidcOptions | undefined {
  if (env.OIDC_ISSUER === undefined || env.OIDC_CLIENT_ID === undefined) return undefined;
  return {
    issuer: env.OIDC_ISSUER,
    clientId: env.OIDC_CLIENT_ID,
    clientSecret: env.OIDC_CLIENT_SECRET === undefined ? undefined : new Secret(env.OIDC_CLIENT_SECRET),
    scopes: env.OIDC_SCOPES,
    label: env.OIDC_LABEL,
    allowedDomains: env.OIDC_ALLOWED_DOMAINS.map((domain) => domain.toLowerCase()),
  };
}

function toHandoff(env: IdentityEnv): IdentityConfig['handoff'] {
  const { HANDOFF_PROVIDER: slug, HANDOFF_CONSOLE_URL: consoleUrl } = env;
  const { HANDOFF_REQUEST_URL: requestUrl, HANDOFF_CLAIM_URL: claimUrl } = env;
  if (slug === undefined || consoleUrl === undefined || requestUrl === undefined || claimUrl === undefined)
    return undefined;
  return { provider: { slug, title: env.HANDOFF_TITLE ?? slug }, consoleUrl, requestUrl, claimUrl };
}

function isDriver(name: string): name is DriverId {
  return driverIds.some((id) => id === name);
}

import { readFileSync } from 'node:fs';
import { ConfigError, type Env, envInt, envList, parseEnv } from '@inferry/runtime';
import { z } from 'zod';
import { defaultSpendingRules, type Spender, type SpendingRules, spenders } from './vault/connections.ts';
import { createLocalKeks, type KekProvider, parseKeyRing } from './vault/key-ring.ts';

const AuthEnv = z.object({
  /** The gateway's own variable: `get_account` tells what is left of it. */
  RATE_LIMIT_CREDENTIAL: envInt(1, 1_000_000).default(600),
  RATE_LIMIT_SUBJECT: envInt(1, 1_000_000).optional(),
  /** Key-encryption keys, `name:base64`, the current one first; without them no key of a provider is stored. */
  AUTH_KEKS: z.string().optional(),
  /** A file with the same, such as /run/secrets/auth_keks. */
  AUTH_KEKS_FILE: z.string().optional(),
  /** Whether the keys that callers bring along are stored, sealed, while their runs need them. */
  PASSTHROUGH_KEYS: z.enum(['stored', 'never-stored']).default('stored'),
  /** Who may spend the keys of the deployment: some of the kinds of callers, `everybody` or `nobody`. */
  DEPLOYMENT_KEYS_FOR: envList.optional(),
  /** Providers that everybody may use, with the deployment's keys where they need one. */
  FREE_PROVIDERS: envList.default(['local']),
  /** The pages' own variables: they tell who comes in unasked. */
  AUTH_SIGN_UP: z.string().optional(),
  OIDC_ALLOWED_DOMAINS: envList.default([]),
});
type AuthEnv = z.infer<typeof AuthEnv>;

export interface AuthConfig {
  /** Requests a minute that the gateway allows each credential. */
  credentialLimit: number;
  /** And all credentials of one account together. */
  subjectLimit: number;
  /** Undefined: this deployment stores no keys of providers. */
  keks: KekProvider | undefined;
  passthroughKeys: 'stored' | 'never-stored';
  spending: SpendingRules;
}

export function parseAuthConfig(env: Env): AuthConfig {
  const parsed = parseEnv(AuthEnv, env);
  const ring = parsed.AUTH_KEKS ?? readKeyFile(parsed.AUTH_KEKS_FILE);
  return Object.freeze({
    credentialLimit: parsed.RATE_LIMIT_CREDENTIAL,
    subjectLimit: parsed.RATE_LIMIT_SUBJECT ?? Math.max(600, parsed.RATE_LIMIT_CREDENTIAL),
    keks: ring === undefined ? undefined : createLocalKeks(parseKeyRing(ring)),
    passthroughKeys: parsed.PASSTHROUGH_KEYS,
    spending: {
      spenders: readSpenders(parsed),
      free: new Set(parsed.FREE_PROVIDERS),
      canSignUp: parsed.AUTH_SIGN_UP === 'open',
    },
  });
}

/** Whoever the operator let in by name; an identity provider counts where they said who of it may come in. */
function readSpenders({ DEPLOYMENT_KEYS_FOR: named, OIDC_ALLOWED_DOMAINS: domains }: AuthEnv): Set<Spender> {
  if (named === undefined)
    return new Set([...defaultSpendingRules.spenders, ...(domains.length > 0 ? (['oidc'] as const) : [])]);
  if (named.length === 1 && named[0] === 'everybody') return new Set(spenders);
  if (named.length === 1 && named[0] === 'nobody') return new Set();
  const unknown = named.filter((name) => !isSpender(name));
  if (unknown.length > 0) {
    const known = ['everybody', 'nobody', ...spenders].join(', ');
    throw new ConfigError([`DEPLOYMENT_KEYS_FOR: ${unknown.join(', ')} is none of ${known}`]);
  }
  return new Set(named.filter(isSpender));
}

function isSpender(name: string): name is Spender {
  return spenders.some((spender) => spender === name);
}

function readKeyFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError([`AUTH_KEKS_FILE: ${file} cannot be read`]);
  }
}

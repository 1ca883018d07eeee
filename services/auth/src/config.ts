import { readFileSync } from 'node:fs';
import { ConfigError, type Env, envInt, parseEnv } from '@inferry/runtime';
import { z } from 'zod';
import { createLocalKeks, type KekProvider, parseKeyRing } from './vault/key-ring.ts';

const AuthEnv = z.object({
  /** The gateway's own variable: `get_account` tells what is left of it. */
  RATE_LIMIT_CREDENTIAL: envInt(1, 1_000_000).default(600),
  /** Key-encryption keys, `name:base64`, the current one first; without them no key of a provider is stored. */
  AUTH_KEKS: z.string().optional(),
  /** A file with the same, such as /run/secrets/auth_keks. */
  AUTH_KEKS_FILE: z.string().optional(),
  /** Whether the keys that callers bring along are stored, sealed, while their runs need them. */
  PASSTHROUGH_KEYS: z.enum(['stored', 'never-stored']).default('stored'),
});

export interface AuthConfig {
  /** Requests a minute that the gateway allows each credential. */
  credentialLimit: number;
  /** Undefined: this deployment stores no keys of providers. */
  keks: KekProvider | undefined;
  passthroughKeys: 'stored' | 'never-stored';
}

export function parseAuthConfig(env: Env): AuthConfig {
  const parsed = parseEnv(AuthEnv, env);
  const ring = parsed.AUTH_KEKS ?? readKeyFile(parsed.AUTH_KEKS_FILE);
  return Object.freeze({
    credentialLimit: parsed.RATE_LIMIT_CREDENTIAL,
    keks: ring === undefined ? undefined : createLocalKeks(parseKeyRing(ring)),
    passthroughKeys: parsed.PASSTHROUGH_KEYS,
  });
}

function readKeyFile(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError([`AUTH_KEKS_FILE: ${file} cannot be read`]);
  }
}

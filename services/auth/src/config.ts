import { type Env, envInt, parseEnv } from '@inferry/runtime';
import { z } from 'zod';

const AuthEnv = z.object({
  /** The gateway's own variable: `get_account` tells what is left of it. */
  RATE_LIMIT_CREDENTIAL: envInt(1, 1_000_000).default(600),
});

export interface AuthConfig {
  /** Requests a minute that the gateway allows each credential. */
  credentialLimit: number;
}

export function parseAuthConfig(env: Env): AuthConfig {
  return Object.freeze({ credentialLimit: parseEnv(AuthEnv, env).RATE_LIMIT_CREDENTIAL });
}

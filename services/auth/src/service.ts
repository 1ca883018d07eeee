import { getAccount, readJwks, readRevocations, toAppError, verifyKey } from '@inferry/contracts';
import type { HttpService, Parts, Readiness } from '@inferry/runtime';
import type { AuthorizationOptions } from './authorization-options.ts';
import type { AuthConfig } from './config.ts';
import type { AuthDeps } from './deps.ts';
import { createKeyUsage } from './keys/key-usage.ts';
import type { AuthEngine } from './oauth/auth-engine.ts';
import { handleReadJwks } from './oauth/rpc/read-jwks.ts';
import { type CredentialOptions, openCredentials } from './rpc/open-credentials.ts';
import { handleReadRevocations } from './rpc/read-revocations.ts';
import { handleVerifyKey } from './rpc/verify-key.ts';
import { handleGetAccount } from './tools/get-account.ts';

export interface AuthOptions extends Partial<AuthConfig>, Omit<CredentialOptions, 'now' | keyof AuthConfig> {
  /** Lets people sign in with a browser; undefined: keys only. */
  authorization?: AuthorizationOptions | undefined;
  now?: () => number;
}

/** The parts that this service uses; it stores no files. */
export type AuthParts = Pick<Parts, 'bus' | 'database' | 'limits' | 'log' | 'now'>;

/** Who callers are, what they may and what they have: keys, their revocation, the account. */
export async function createAuthService(parts: AuthParts, options: AuthOptions): Promise<HttpService> {
  const { bus, database, limits, log } = parts;
  const { credentialLimit = 600, subjectLimit, now = parts.now ?? Date.now } = options;
  const keyUsage = createKeyUsage(database, { log, now });
  const credentials = await openCredentials(parts, { ...options, now });
  const bounds = { credentialLimit, subjectLimit };
  const deps: AuthDeps = { bus, database, limits, log, keyUsage, credentials, ...bounds, now };

  bus.serve(verifyKey, handleVerifyKey(deps));
  bus.serve(readRevocations, handleReadRevocations(deps));
  bus.serve(getAccount, handleGetAccount(deps));
  const engine = await openEngine(parts, options, { credentials, now });
  if (engine !== undefined) bus.serve(readJwks, handleReadJwks(engine));

  return {
    name: 'auth',
    readiness: () => readinessOf(parts),
    async routes(app) {
      await engine?.routes(app);
    },
    async drain() {
      await Promise.all([keyUsage.flush(), engine?.drain()]);
    },
    async close() {
      credentials.close();
      await Promise.all([keyUsage.close(), engine?.close()]);
    },
  };
}

let loading: ReturnType<typeof loadAuthorization> | undefined;

/** The engine says while it is loaded that this Node is no LTS release, which nobody who runs a pinned one can act on. */
async function loadAuthorization() {
  const { warn } = console;
  console.warn = (...words) => {
    if (!String(words[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...words);
  };
  try {
    return await import('./open-authorization.ts');
  } finally {
    console.warn = warn;
  }
}

/** Loaded only where people sign in with a browser: nobody else waits for it. */
async function openEngine(
  parts: AuthParts,
  { authorization, providers = [] }: AuthOptions,
  neighbours: Pick<AuthDeps, 'credentials' | 'now'>,
): Promise<AuthEngine | undefined> {
  if (authorization === undefined) return undefined;
  loading ??= loadAuthorization();
  const { openAuthorization } = await loading;
  return openAuthorization(parts, authorization, { ...neighbours, providers });
}

async function readinessOf({ bus, database }: AuthParts): Promise<Readiness> {
  const problems: Record<string, string> = {};
  if (bus.problem !== undefined) problems.bus = bus.problem;
  await database.ping().catch((error: unknown) => {
    problems.database = toAppError(error).message;
  });
  return { isReady: Object.keys(problems).length === 0, problems };
}

import { once } from 'node:events';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  type AddressRanges,
  ConfigError,
  type Env,
  envInt,
  envList,
  isLoopback,
  parseAddressRanges,
  parseEnv,
  parseRuntimeConfig,
  type RuntimeConfig,
} from '@inferry/runtime';
import { z } from 'zod';

export type AuthMode = 'none' | 'keys' | 'oauth';

/** What `npm start` reads. */
export interface StartConfig extends RuntimeConfig {
  home: string;
  auth: AuthMode;
  baseUrl: string;
  /** Where the system reaches its own files: at the address that it is bound to. */
  uploadInternalUrl: string;
  /** How many connections one address may have: this process stands in front. */
  connections: { perAddress: number; exempt: AddressRanges };
}

const StartEnv = z.object({
  MAX_CONNECTIONS_ADDRESS: envInt(1, 100_000).default(512),
  TRUSTED_PROXIES: envList.default([]),
});

/**
 * The embedded system's configuration. Without authentication it serves loopback only: a system that anybody on the
 * network could spend money with is never started by accident.
 */
export function parseStartConfig(env: Env): StartConfig {
  const runtime = parseRuntimeConfig(env);
  const auth = parseAuth(env, runtime.host);
  const isEverywhere = runtime.host === '0.0.0.0' || runtime.host === '::';
  const urlOf = (host: string) => `http://${host.includes(':') ? `[${host}]` : host}:${runtime.port}`;
  const parsed = parseEnv(StartEnv, env);
  return {
    ...runtime,
    connections: {
      perAddress: parsed.MAX_CONNECTIONS_ADDRESS,
      exempt: readRanges(parsed.TRUSTED_PROXIES),
    },
    home: runtime.home ?? defaultHome(env, process.platform),
    auth,
    baseUrl: runtime.publicUrl ?? urlOf(isEverywhere ? 'localhost' : runtime.host),
    uploadInternalUrl: runtime.uploadInternalUrl ?? urlOf(isEverywhere ? '127.0.0.1' : runtime.host),
  };
}

function readRanges(items: readonly string[]): AddressRanges {
  try {
    return parseAddressRanges(items);
  } catch (error) {
    throw new ConfigError([`TRUSTED_PROXIES: ${error instanceof Error ? error.message : 'is not valid'}`]);
  }
}

/** What it most likely is meant to be: for reading the rest, whatever is wrong with it. */
export function authOf({ INFERRY_AUTH: value }: Env): AuthMode {
  return value === 'keys' || value === 'oauth' ? value : 'none';
}

function parseAuth(env: Env, host: string): AuthMode {
  const value = env.INFERRY_AUTH || undefined;
  if (value !== undefined && value !== 'none' && value !== 'keys' && value !== 'oauth') {
    throw new ConfigError([`INFERRY_AUTH: must be none, keys or oauth, not "${value.slice(0, 40)}"`]);
  }
  if (isLoopback(host)) return value ?? 'none';
  if (value === 'keys' || value === 'oauth') return value;
  throw new ConfigError([
    `HOST: ${host} is reachable from other machines, and no authentication is configured. Either leave HOST at ` +
      '127.0.0.1, or create a key with `npm run keys -- create --name me` and start with INFERRY_AUTH=keys ' +
      '(and MCP_ALLOWED_HOSTS set to the names that clients use).',
  ]);
}

/** `PORT=0` asks for any port; links to files need to know it before anything listens. */
export async function portFrom(env: Env): Promise<string | undefined> {
  if (env.PORT !== '0') return env.PORT;
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? String(address.port) : undefined;
}

/** The user's data directory: XDG Base Directory on Linux, each system's own elsewhere. */
export function defaultHome(env: Env, platform: NodeJS.Platform): string {
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'inferry');
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'inferry');
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'inferry');
}

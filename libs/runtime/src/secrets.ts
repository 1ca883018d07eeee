/**
 * The secrets of a deployment, one for each purpose: which service has which, and how they come from the one
 * `INFERRY_SECRET`, from a variable each, or from files.
 */

import { readFileSync } from 'node:fs';
import { Statements, statementPublicKey, toStatementSeed } from '@inferry/bus';
import { ConfigError, Secret } from '@inferry/contracts';
import { deriveSecret } from '@inferry/seals';
import { type Env, parseEnv, SecretsEnv } from './config.ts';
import { sayCommands } from './program-words.ts';

/** Each purpose and the one service that needs it. */
const ownerOfPurpose = {
  sessions: 'mcp-gateway',
  files: 'upload',
  webhooks: 'inference-poller',
  hooks: 'inference-poller',
  fingerprints: 'auth',
  oauth: 'auth',
  pages: 'auth',
} as const;
export type SecretPurpose = keyof typeof ownerOfPurpose;

/** The services that a deployment's processes are. */
export const serviceNames = [
  'auth',
  'catalog',
  'inference-poller',
  'upload',
  'compute',
  'mcp-gateway',
] as const;
export type ServiceName = (typeof serviceNames)[number];

/** What one service process holds. */
export interface ServiceSecrets {
  of(purpose: SecretPurpose): Secret;
  statements: Statements;
}

/** The variable that holds the secret of one purpose, instead of INFERRY_SECRET. */
function variableOf(purpose: SecretPurpose): string {
  return `INFERRY_SECRET_${purpose.toUpperCase()}`;
}

/** A service's secrets by its environment. Throws `ConfigError` naming each that is missing. */
export function readSecrets(service: string, env: Env): ServiceSecrets {
  const parsed = parseEnv(SecretsEnv, env);
  const { INFERRY_SECRET: text, BUS_SIGNING_KEY: seed, BUS_PUBLIC_KEYS: listed } = parsed;
  const acceptsUnsigned = parsed.BUS_ACCEPT_UNSIGNED === '1';
  const master = text === undefined ? undefined : new Secret(text);
  const own = purposesOf(service);
  const missing = own.filter((purpose) => !env[variableOf(purpose)]).map(variableOf);
  if (seed === undefined) missing.push('BUS_SIGNING_KEY');
  if (listed === undefined) missing.push('BUS_PUBLIC_KEYS');
  if (master === undefined && missing.length > 0) {
    throw new ConfigError([
      `INFERRY_SECRET: must be set for a service that runs alone, or instead of it ${missing.join(', ')} ` +
        sayCommands('(npm run secrets prints them)', env),
    ]);
  }
  const published = listed === undefined ? undefined : parsePublicKeys(listed);
  return {
    of: (purpose) =>
      own.includes(purpose) && env[variableOf(purpose)]
        ? new Secret(env[variableOf(purpose)] ?? '')
        : deriveSecret(mustHave(master), purpose),
    statements: new Statements({
      service,
      seed: toStatementSeed(seed === undefined ? deriveBusSeed(mustHave(master), service) : new Secret(seed)),
      publicKeyOf: (name) =>
        published === undefined ? derivedPublicKey(mustHave(master), name) : published.get(name),
      acceptsUnsigned,
    }),
  };
}

/** The same, where the deployment's one secret is in this process: the embedded system. */
export function deriveSecrets(service: string, master: Secret): ServiceSecrets {
  return {
    of: (purpose) => deriveSecret(master, purpose),
    statements: new Statements({
      service,
      seed: toStatementSeed(deriveBusSeed(master, service)),
      publicKeyOf: (name) => derivedPublicKey(master, name),
    }),
  };
}

/** The variables that a process of this service needs instead of INFERRY_SECRET, and no others. */
export function secretVariables(
  service: string,
  master: Secret,
  others: readonly string[],
): Record<string, string> {
  const names = [...new Set([...serviceNames, ...others, service])];
  const published = names.map(
    (name) => `${name}=${Buffer.from(derivedPublicKey(master, name)).toString('base64url')}`,
  );
  return {
    ...Object.fromEntries(
      purposesOf(service).map((purpose) => [variableOf(purpose), deriveSecret(master, purpose).reveal()]),
    ),
    BUS_SIGNING_KEY: deriveBusSeed(master, service).reveal(),
    BUS_PUBLIC_KEYS: published.join(','),
  };
}

function purposesOf(service: string): SecretPurpose[] {
  // as: the names of the table above.
  const purposes = Object.keys(ownerOfPurpose) as SecretPurpose[];
  return purposes.filter((purpose) => ownerOfPurpose[purpose] === service);
}

function deriveBusSeed(master: Secret, service: string): Secret {
  return deriveSecret(master, `bus/${service}`);
}

function derivedPublicKey(master: Secret, service: string): Uint8Array {
  return statementPublicKey(toStatementSeed(deriveBusSeed(master, service)));
}

function parsePublicKeys(list: string): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const entry of list.split(',').map((item) => item.trim())) {
    const at = entry.indexOf('=');
    const bytes = Buffer.from(entry.slice(at + 1), 'base64url');
    if (at < 1 || bytes.length !== 32)
      throw new ConfigError(['BUS_PUBLIC_KEYS: must be name=key, 32 bytes in base64url']);
    keys.set(entry.slice(0, at), bytes);
  }
  return keys;
}

function mustHave(master: Secret | undefined): Secret {
  if (master === undefined) throw new Error('a secret is asked for that this service does not have');
  return master;
}

/** Variables that hold secrets: each may stand in a file instead, named by the same with `_FILE`. */
const secretNames =
  /^(INFERRY_SECRET(_[A-Z]+)?|BUS_SIGNING_KEY|(NATS|REDIS|DATABASE)_URL|AUTH_KEKS|OIDC_CLIENT_SECRET|S3_ACCESS_KEY_ID|S3_SECRET_ACCESS_KEY|[A-Z0-9_]+_API_(KEY|TOKEN)|FAL_KEY|HF_TOKEN)$/;

/** True for the name of a variable that holds a secret. */
export function isSecretName(name: string): boolean {
  return secretNames.test(name);
}

/** The environment with each secret that stands in a file (`DATABASE_URL_FILE=/run/secrets/database_url`). */
export function withSecretFiles(env: Env): Env {
  const found: Record<string, string> = {};
  const problems: string[] = [];
  for (const [variable, file] of Object.entries(env)) {
    const name = variable.replace(/_FILE$/, '');
    if (name === variable || !file || !secretNames.test(name)) continue;
    if (env[name]) problems.push(`${variable}: ${name} is set as well; leave one of them out`);
    else found[name] = readSecretFile(variable, file, problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.keys(found).length === 0 ? env : { ...env, ...found };
}

function readSecretFile(variable: string, file: string, problems: string[]): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unreadable';
    problems.push(`${variable}: ${file} cannot be read (${code})`);
    return '';
  }
}

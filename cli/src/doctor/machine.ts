/** This machine: Node, the data folder and its disk, the port, what the configuration says, proxy and certificates. */

import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { ConfigError, type Env, readAll } from '@inferry/runtime';
import { authOf, parseStartConfig, type StartConfig } from '../config.ts';
import { checkServices } from '../embedded.ts';
import { type Finding, fault, hidePasswords, ok, reasonOf, unknown, warning } from './finding.ts';

const oldestNode = 24;
const [littleRoom, fairRoom] = [100e6, 2e9];

export function checkNode(version: string): Finding {
  const major = Number(version.split('.')[0]);
  if (major >= oldestNode) return ok('Node', `${version} runs this`);
  return fault('Node', `${version} is too old`, `Use Node ${oldestNode} or later.`);
}

/** Every wrong variable is a finding of its own; without one, the configuration. */
export async function checkConfiguration(
  env: Env,
): Promise<{ findings: Finding[]; config: StartConfig | undefined }> {
  try {
    const [config] = await readAll([
      () => parseStartConfig(env),
      () => checkServices(env, authOf(env), env.PUBLIC_URL || 'http://127.0.0.1'),
    ]);
    return { findings: [ok('configuration', 'every variable that is set can be read')], config };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map((problem) =>
      fault('configuration', hidePasswords(problem), 'Change the variable, or unset it.'),
    );
    return { findings, config: undefined };
  }
}

export function checkHome({ home }: Pick<StartConfig, 'home'>, platform: NodeJS.Platform): Finding[] {
  const existing = nearest(home);
  try {
    if (!statSync(existing).isDirectory()) {
      return [fault('data folder', `${existing} is a file`, 'Set INFERRY_HOME to a folder.')];
    }
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    return [
      fault(
        'data folder',
        reasonOf(error),
        `Make ${existing} writable for you, or set INFERRY_HOME to another folder.`,
      ),
    ];
  }
  const place =
    existing === home ? ok('data folder', home) : ok('data folder', `${home} is made at the first start`);
  return [place, checkRoom(existing), ...checkSecrets(home, platform)];
}

function nearest(folder: string): string {
  let found = folder;
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found);
  return found;
}

function checkRoom(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  return roomFinding(bavail * bsize, folder);
}

export function roomFinding(free: number, folder: string): Finding {
  const text = free > 1e9 ? `${(free / 1e9).toFixed(1)} GB` : `${Math.floor(free / 1e6)} MB`;
  if (free < littleRoom)
    return fault('disk', `${text} are free at ${folder}`, 'Make room: nothing can be stored.');
  if (free < fairRoom)
    return warning('disk', `${text} are free at ${folder}`, 'Make room before results are stored.');
  return ok('disk', `${text} are free`);
}

function checkSecrets(home: string, platform: NodeJS.Platform): Finding[] {
  if (platform === 'win32') return [];
  return ['secret', 'keks', 'inferry.db']
    .map((name) => join(home, name))
    .filter((file) => existsSync(file) && (statSync(file).mode & 0o077) !== 0)
    .map((file) => warning('secrets', `${file} can be read by others on this machine`, `chmod 600 ${file}`));
}

/** Whether a start could listen; somebody else's answer is told apart from our own. */
export async function checkPort({ host, port }: Pick<StartConfig, 'host' | 'port'>): Promise<Finding> {
  const code = await codeOfListening(host, port);
  if (code === undefined) return ok('port', `${port} is free`);
  if (code === 'EACCES')
    return fault('port', `${port} may not be opened by you`, 'Set PORT to one above 1023.');
  if (code !== 'EADDRINUSE')
    return fault(
      'port',
      `${host}:${port} cannot be listened on (${code})`,
      'Set HOST to an address of this machine.',
    );
  const [answer, isOurs] = await askPort(host, port);
  if (isOurs) return ok('port', `${port} is served by Inferry`);
  return fault(
    'port',
    `${port} is taken by another program${answer}`,
    'Stop it, or set PORT to another one.',
  );
}

async function codeOfListening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : 'unknown'));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

async function askPort(host: string, port: number): Promise<[answer: string, isOurs: boolean]> {
  try {
    const name = host.includes(':') ? `[${host}]` : host;
    const response = await fetch(`http://${name}:${port}/readyz`, { signal: AbortSignal.timeout(3_000) });
    const type = response.headers.get('content-type') ?? '';
    const text = (await response.text()).slice(0, 200);
    return ['', type.includes('json') && /"(status|ready|ok)"/.test(text)];
  } catch {
    return [' that does not speak HTTP', false];
  }
}

/** Variables that every program reads. */
export function checkNetworkVariables(env: Env, now: number): Finding[] {
  const findings: Finding[] = [];
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY'] as const) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    const url = URL.parse(value);
    const isProxy = url !== null && /^(https?|socks5?h?):$/.test(url.protocol);
    findings.push(
      isProxy
        ? ok('proxy', `${name} is ${hidePasswords(value)}`)
        : fault(
            'proxy',
            `${name} is no address of a proxy`,
            `Write it as http://host:port, or unset ${name}.`,
          ),
    );
  }
  const file = env.NODE_EXTRA_CA_CERTS;
  if (file !== undefined && file !== '') findings.push(checkAuthorities(file, now));
  return findings;
}

function checkAuthorities(file: string, now: number): Finding {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return fault(
      'certificates',
      `NODE_EXTRA_CA_CERTS: ${reasonOf(error)}`,
      'Point it at a file in PEM form.',
    );
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    return fault(
      'certificates',
      `${file} holds no certificate`,
      'It has to be in PEM form (-----BEGIN CERTIFICATE-----).',
    );
  }
  try {
    const expired = blocks
      .map((block) => new X509Certificate(block))
      .filter(({ validTo }) => Date.parse(validTo) < now);
    // A system's own bundle keeps some that have ended.
    if (expired.length < blocks.length)
      return ok('certificates', `${blocks.length} further authorities are trusted`);
    return warning(
      'certificates',
      `every certificate of ${file} has expired`,
      'Ask whoever runs your proxy for new ones.',
    );
  } catch (error) {
    return unknown('certificates', `${file}: ${reasonOf(error)}`);
  }
}

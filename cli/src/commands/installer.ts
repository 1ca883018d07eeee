/** `inferry add` and `inferry remove`: a server put into the configurations of MCP clients, and taken out again. */
import * as prompts from '@clack/prompts';
import { type ClientKind, type Connection, clientKinds, type Place, placeOf } from '@inferry/clients';
import { ConfigError, type Env } from '@inferry/runtime';
import { Command } from 'commander';
import {
  type Change,
  carryOut,
  detectClients,
  diffOf,
  type FileScope,
  fileOf,
  isRefusal,
  type Planned,
  planAdd,
  planRemove,
  type Target,
} from '../installer/plan.ts';
import { versionOf } from '../version.ts';
import { addOptions, defaultUrl, parseOptions, removeOptions } from './installer-options.ts';

/** The keys that a profile's local server is given, as the products' own documents name them. */
const keyVariables: Readonly<Record<string, string>> = {
  modelrunner: 'MODELRUNNER_API_KEY',
  runflow: 'RUNFLOW_API_KEY',
  runpod: 'RUNPOD_API_KEY',
  'runpod-4': 'RUNPOD_API_KEY',
  runware: 'RUNWARE_API_KEY',
};

interface SharedOptions {
  client?: string[];
  profile: string;
  scope: FileScope;
  name?: string;
  yes: boolean;
  dryRun: boolean;
  json: boolean;
  replace: boolean;
}

interface AddOptions extends SharedOptions {
  mode: 'hosted' | 'local';
  url?: string;
  version?: string;
}

/** Where the person and their terminal are; tests have their own. */
export interface Surroundings {
  place: Place;
  isInteractive: boolean;
  write(text: string): void;
  /** Of the package that local mode starts. */
  version: string;
}

export function surroundingsOf(env: Env): Surroundings {
  return {
    place: placeOf(env, process),
    isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    write: (text) => process.stdout.write(text),
    version: versionOf(env),
  };
}

export async function add(
  args: readonly string[],
  env: Env,
  around: Surroundings = surroundingsOf(env),
): Promise<number> {
  const options = await parseOptions<AddOptions>(addOptions(new Command('add')), args);
  const target = targetOf(options, around);
  const kinds = await chooseClients(options, around, detectClients(around.place));
  if (kinds === undefined) return 1;
  const connection = await connect(options, around);
  if (connection === undefined) return 1;
  const planned = kinds.map((kind) => planAdd(kind, target, { connection, replaces: options.replace }));
  const keys = connection.mode === 'local' ? Object.values(connection.env) : [];
  return settle(planned, { ...options, keys, around });
}

export async function remove(
  args: readonly string[],
  env: Env,
  around: Surroundings = surroundingsOf(env),
): Promise<number> {
  const options = await parseOptions<SharedOptions>(removeOptions(new Command('remove')), args);
  const target = targetOf(options, around);
  const kinds = options.client === undefined ? clientKinds : clientsNamed(options.client);
  const planned = kinds
    .filter((kind) => options.client !== undefined || fileOf(kind, target) !== undefined)
    .map((kind) => planRemove(kind, target, { replaces: options.replace }))
    // Without a list of clients, what somebody else wrote is none of ours and no failure.
    .filter((change) => options.client !== undefined || (!isRefusal(change) && change.action !== 'none'));
  if (planned.length === 0 && !options.json) {
    around.write(`No client has a server called "${target.name}" that this wrote. Nothing was changed.\n`);
    return 0;
  }
  return settle(planned, { ...options, keys: [], around });
}

/** What is wrong is one line and exit code 2; help is printed and is no fault. */
function targetOf({ profile, name = profile, scope }: SharedOptions, { place }: Surroundings): Target {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/i.test(name)) {
    throw new ConfigError(['--name: letters, digits, - and _, at most 64']);
  }
  return { place, scope, name };
}

function clientsNamed(ids: readonly string[]): ClientKind[] {
  if (ids.includes('all')) return [...clientKinds];
  return ids.map((id) => {
    const kind = clientKinds.find((known) => known.id === id.trim());
    if (kind === undefined) {
      throw new ConfigError([
        `--client: there is no client "${id}"; known are ${clientKinds.map((known) => known.id).join(', ')}, all`,
      ]);
    }
    return kind;
  });
}

async function chooseClients(
  { client, yes }: SharedOptions,
  { isInteractive, write }: Surroundings,
  found: readonly ClientKind[],
): Promise<readonly ClientKind[] | undefined> {
  if (client !== undefined) return clientsNamed(client);
  if (found.length === 0) {
    write('No MCP client was found here. Name one: inferry add --client cursor (see inferry add --help).\n');
    return undefined;
  }
  if (yes) return found;
  if (!isInteractive) {
    throw new ConfigError([
      `found ${found.map(({ id }) => id).join(', ')}; without a terminal say which with --client, or --yes for all of them`,
    ]);
  }
  const chosen = await prompts.multiselect({
    message: 'Which clients?',
    options: found.map(({ id, label }) => ({ value: id, label })),
    initialValues: found.map(({ id }) => id),
  });
  return prompts.isCancel(chosen) ? undefined : clientsNamed(chosen);
}

async function connect(
  { mode, url, profile, version, yes }: AddOptions,
  around: Surroundings,
): Promise<Connection | undefined> {
  if (mode === 'hosted') return { mode, url: url ?? urlOf(profile) };
  const { place } = around;
  const variable = Object.hasOwn(keyVariables, profile) ? keyVariables[profile] : undefined;
  const key =
    variable === undefined ? undefined : place.env[variable] || (await askKey(variable, yes, around));
  const start = ['-y', `inferry@${version ?? around.version}`, 'stdio', '--profile', profile];
  return {
    mode,
    // Windows starts no scripts without its shell.
    ...(place.platform === 'win32'
      ? { command: 'cmd', args: ['/c', 'npx', ...start] }
      : { command: 'npx', args: start }),
    env: variable === undefined || key === undefined ? {} : { [variable]: key },
  };
}

function urlOf(profile: string): string {
  return profile === 'inferry' ? defaultUrl : `${defaultUrl}/${profile}`;
}

/** Never taken from the command line, where other programs of the machine could read it. */
async function askKey(
  variable: string,
  yes: boolean,
  { isInteractive }: Surroundings,
): Promise<string | undefined> {
  if (yes || !isInteractive) return undefined;
  const key = await prompts.password({ message: `${variable} (empty: the client's environment has it)` });
  return prompts.isCancel(key) || key === '' ? undefined : key;
}

interface Settling extends SharedOptions {
  keys: readonly string[];
  around: Surroundings;
}

interface Outcome {
  client: string;
  file: string;
  action: Change['action'] | 'refused';
  backup?: string;
  warnings?: readonly string[];
  reason?: string;
}

async function settle(planned: readonly Planned[], settling: Settling): Promise<number> {
  const { json, dryRun, around } = settling;
  const write = json ? () => undefined : around.write;
  for (const change of planned) write(describe(change, settling.keys));
  const changes = planned.filter(
    (change): change is Change => !isRefusal(change) && change.action !== 'none',
  );
  const agreed = changes.length > 0 && !dryRun && (await agrees(settling));
  const outcomes = planned.map((change): Outcome => carry(change, agreed, around));
  if (json)
    around.write(`${JSON.stringify({ dry_run: !agreed && dryRun, changes: outcomes }, undefined, 2)}\n`);
  else if (agreed) report(outcomes, changes, write);
  else if (changes.length > 0) write('Nothing was written.\n');
  return outcomes.some(({ action }) => action === 'refused') ? 1 : 0;
}

async function agrees({ yes, json, around }: Settling): Promise<boolean> {
  if (yes) return true;
  if (!around.isInteractive || json) {
    throw new ConfigError([
      'without a terminal nothing is written until you say --yes (or --dry-run to look only)',
    ]);
  }
  const answer = await prompts.confirm({ message: 'Write these changes?' });
  return answer === true;
}

function carry(planned: Planned, agreed: boolean, { place }: Surroundings): Outcome {
  const client = planned.client.id;
  if (isRefusal(planned)) return { client, file: planned.file, action: 'refused', reason: planned.reason };
  const told: Outcome = {
    client,
    file: planned.file.path,
    action: planned.action,
    ...(planned.warnings.length === 0 ? {} : { warnings: planned.warnings }),
  };
  if (!agreed || planned.action === 'none') return told;
  try {
    const backup = carryOut(planned, place);
    return backup === undefined ? told : { ...told, backup };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...told, action: 'refused', reason: error.message };
  }
}

function describe(planned: Planned, keys: readonly string[]): string {
  const { label } = planned.client;
  if (isRefusal(planned)) return `${label}: left alone. ${planned.reason}\n`;
  if (planned.action === 'none') return `${label}: nothing to change in ${planned.file.path}\n`;
  const warnings = planned.warnings.map((warning) => `  ! ${warning}\n`).join('');
  return `${label}: ${planned.action} "${planned.name}"\n${diffOf(planned, (text) => hideKeys(text, keys))}${warnings}\n`;
}

/** A diff shows lines of other servers too. */
function hideKeys(text: string, keys: readonly string[]): string {
  const hidden = keys.reduce((rest, key) => rest.replaceAll(key, '•••'), text);
  return hidden.replace(
    /([\w-]*(?:key|token|secret|password|authorization)[\w-]*["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',}]+)/gi,
    '$1"•••"',
  );
}

function report(
  outcomes: readonly Outcome[],
  changes: readonly Change[],
  write: (text: string) => void,
): void {
  for (const { client, file, reason, backup } of outcomes) {
    const change = changes.find((known) => known.client.id === client);
    if (change === undefined) continue;
    if (reason !== undefined) {
      write(`${change.client.label}: not written. ${reason}\n`);
      continue;
    }
    const copy = backup === undefined ? '' : ` (before: ${backup})`;
    const next = change.action === 'remove' ? '' : ` ${change.client.afterwards}`;
    write(`${change.client.label}: wrote ${file}${copy}.${next}\n`);
  }
}

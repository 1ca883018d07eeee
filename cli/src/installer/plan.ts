/** What an order would change, file by file, before anything is written. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ClientKind, type Connection, clientKinds, type Entry, type Place } from '@inferry/clients';
import { createTwoFilesPatch } from 'diff';
import { backUp, type ClientFile, readClientFile, writeClientFile } from './client-file.ts';
import { type ConfigText, openConfig } from './config-text.ts';
import { installerFolder, isOf, keepReceipt, type Receipt, readReceipts } from './receipts.ts';
import { BrokenConfig } from './text-editor.ts';

export type FileScope = 'user' | 'project';

export interface Change {
  client: ClientKind;
  action: 'add' | 'update' | 'remove' | 'none';
  file: ClientFile;
  /** Undefined: the file goes, because it was made for this entry and holds nothing else. */
  after: string | undefined;
  holdsKey: boolean;
  receipt: Receipt | undefined;
  name: string;
  /** What a person should know before they agree. */
  warnings: readonly string[];
}

/** Why a client's file is left alone. */
export interface Refusal {
  client: ClientKind;
  file: string;
  reason: string;
}

export type Planned = Change | Refusal;

export function isRefusal(planned: Planned): planned is Refusal {
  return 'reason' in planned;
}

export interface Target {
  place: Place;
  scope: FileScope;
  /** The entry's. */
  name: string;
}

/** The clients that are used by this person. */
export function detectClients(place: Place): ClientKind[] {
  return clientKinds.filter((kind) => kind.traces(place).some((path) => existsSync(path)));
}

export function fileOf(
  kind: ClientKind,
  { place, scope }: Pick<Target, 'place' | 'scope'>,
): string | undefined {
  return scope === 'user' ? kind.userFile(place) : kind.projectFile?.(place);
}

export function planAdd(
  kind: ClientKind,
  target: Target,
  { connection, replaces }: { connection: Connection; replaces: boolean },
): Planned {
  const { name, place, scope } = target;
  const { servers } = kind;
  return plan(kind, target, ({ file, config, known, receipt, neighbours }) => {
    const entry = kind.toEntry(connection, name);
    if (isForeign(known, entry) && !(replaces || isKnown(known, receipt))) {
      throw new BrokenConfig(
        `a server called "${name}" stands there that somebody else wrote: choose another --name, or --replace it`,
      );
    }
    const after = config.put({ servers, name }, entry);
    const holdsKey = connection.mode === 'local' && Object.keys(connection.env).length > 0;
    const isLoose = holdsKey && isOpen(file, place);
    return {
      action: known === undefined ? 'add' : actionFor(after !== file.text || isLoose),
      after,
      holdsKey,
      receipt: receipt ?? {
        client: kind.id,
        file: file.path,
        servers,
        name,
        // Whichever of ours goes last takes them away.
        madeFile: file.text === undefined || neighbours.some(({ madeFile }) => madeFile),
        madeServers: !config.hasServers(servers) || neighbours.some(({ madeServers }) => madeServers),
      },
      warnings: holdsKey && scope === 'project' ? warnOfRepository(file.path) : [],
    };
  });
}

export function planRemove(kind: ClientKind, target: Target, { replaces }: { replaces: boolean }): Planned {
  return plan(kind, target, ({ file, config, known, receipt }) => {
    const rest = { holdsKey: false, receipt: undefined, warnings: [] };
    if (known === undefined) return { ...rest, action: 'none', after: file.text };
    if (!(replaces || isKnown(known, receipt))) {
      throw new BrokenConfig(
        `its server "${target.name}" was not written by this: --replace takes it away all the same`,
      );
    }
    const path = { servers: kind.servers, name: target.name };
    const after = config.remove(path, receipt?.madeServers ?? false);
    const goes = receipt?.madeFile === true && /^\s*(\{\s*\})?\s*$/.test(after);
    return { ...rest, action: 'remove', after: goes ? undefined : after };
  });
}

/** A client's file as it is now. */
interface Standing {
  file: ClientFile;
  config: ConfigText;
  /** The entry of this name. */
  known: Entry | undefined;
  receipt: Receipt | undefined;
  /** Of our other entries in the file. */
  neighbours: readonly Receipt[];
}

function plan(
  kind: ClientKind,
  target: Target,
  decide: (standing: Standing) => Omit<Change, 'client' | 'file' | 'name'>,
): Planned {
  const path = fileOf(kind, target);
  if (path === undefined) {
    return { client: kind, file: '', reason: 'a project has no servers of its own here: use --scope user' };
  }
  try {
    const file = readClientFile(path);
    const config = openConfig(kind.dialect, file.text ?? '');
    // as: whatever else stands there is compared and replaced as a whole.
    const known = config.entries(kind.servers)[target.name] as Entry | undefined;
    const neighbours = readReceipts(target.place).filter((one) => one.file === file.path);
    const receipt = neighbours.find((one) => isOf(one, { file: file.path, name: target.name }));
    const standing = { file, config, known, receipt, neighbours };
    return { client: kind, file, name: target.name, ...decide(standing) };
  } catch (error) {
    if (error instanceof BrokenConfig) {
      const line = error.line === undefined ? '' : `, line ${error.line}`;
      return { client: kind, file: path, reason: `${path}${line}: ${error.message}` };
    }
    if (error instanceof Error && 'syscall' in error) {
      return { client: kind, file: path, reason: error.message };
    }
    throw error;
  }
}

function actionFor(changes: boolean): Change['action'] {
  return changes ? 'update' : 'none';
}

/** To others on this machine. */
function isOpen({ mode }: ClientFile, { platform }: Place): boolean {
  return platform !== 'win32' && (mode & 0o077) !== 0;
}

/** Something else than what is to stand there. */
function isForeign(known: Entry | undefined, entry: Entry): known is Entry {
  return known !== undefined && !isEqual(known, entry);
}

/** Written by this before: there is a receipt, or the entry starts this package. */
function isKnown(entry: Entry, receipt: Receipt | undefined): boolean {
  return receipt !== undefined || isOurs(entry);
}

function isOurs(entry: Entry): boolean {
  const { command, cmd, args } = entry;
  const words = [command, cmd, args].flat().filter((word) => typeof word === 'string');
  return words.some((word) => /^inferry(@[\w.-]+)?$/.test(word));
}

function isEqual(one: Entry, other: Entry): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A key in a file that a repository keeps is soon everybody's. */
function warnOfRepository(file: string): string[] {
  const asked = spawnSync('git', ['check-ignore', '--quiet', file], {
    cwd: existingFolder(file),
    timeout: 5_000,
  });
  // 0: ignored; 128: no repository; anything else is one that keeps the file, or no git to say so.
  if (asked.status === 0 || asked.status === 128) return [];
  return [`${file} will hold a key and is not ignored by git: add it to .gitignore before you commit.`];
}

function existingFolder(file: string): string {
  let folder = dirname(file);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The change as a unified diff, with keys hidden. */
export function diffOf({ file, after }: Change, hide: (text: string) => string): string {
  const patch = createTwoFilesPatch(
    file.path,
    file.path,
    file.text ?? '',
    after ?? '',
    undefined,
    undefined,
    {
      context: 2,
    },
  );
  return hide(patch.split('\n').slice(2).join('\n').replaceAll('\r', ''));
}

/** Carries the change out; returns where the copy of what was there is. */
export function carryOut(
  { client, file, after, holdsKey, receipt, name }: Change,
  place: Place,
): string | undefined {
  const now = readClientFile(file.path);
  if (now.text !== file.text) throw new BrokenConfig(`${file.path} was changed meanwhile; try again`);
  const copy = backUp(file, `${installerFolder(place)}/backups`, new Date());
  if (after === undefined) rmSync(file.path);
  else writeClientFile(file, after, { holdsKey });
  keepReceipt(
    place,
    { file: file.path, name },
    receipt === undefined ? undefined : { ...receipt, client: client.id },
  );
  return copy;
}

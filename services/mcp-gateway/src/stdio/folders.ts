/** The folders that a client shares with its servers (its roots), and what lies in them: nothing else is read or written. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError, callOf, createUpload, hint, isObject } from '@inferry/contracts';

const maxFolders = 100;

/** The real paths of the folders that there are, in their order. */
export async function realFolders(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(
    paths.slice(0, maxFolders).map((path) => realpath(path).catch(() => undefined)),
  );
  return real.filter((path) => path !== undefined);
}

/** The paths in the answer to `roots/list`; what is no `file:` URI is no folder here. */
export function rootPaths(answer: unknown): string[] {
  if (!isObject(answer) || !Array.isArray(answer.roots)) return [];
  return answer.roots.flatMap((root) => {
    const path = isObject(root) && typeof root.uri === 'string' ? toPath(root.uri) : undefined;
    return path === undefined ? [] : [path];
  });
}

function toPath(uri: string): string | undefined {
  if (!/^file:/i.test(uri)) return undefined;
  try {
    return fileURLToPath(uri);
  } catch {
    // A host, or an encoded slash.
    return undefined;
  }
}

/** A file below the folders, open for reading. The caller closes it. */
export async function openWithin(
  folders: readonly string[],
  named: string,
): Promise<{ path: string; file: FileHandle; bytes: number }> {
  const path = await findWithin(folders, named);
  // Resolved already; and nothing that waits to be opened, such as a pipe.
  const file = await open(
    path,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  );
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw notFound(named, 'is no file');
    return { path, file, bytes: facts.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function findWithin(folders: readonly string[], named: string): Promise<string> {
  const given = pathOf(named);
  const candidates = isAbsolute(given) ? [given] : folders.map((folder) => join(folder, given));
  let isOutside = false;
  for (const candidate of candidates) {
    const real = await realpath(candidate).catch(() => undefined);
    if (real === undefined) isOutside ||= !isBelowAny(folders, resolve(candidate));
    else if (isBelowAny(folders, real)) return real;
    else isOutside = true;
  }
  throw isOutside || candidates.length === 0 ? outside(named) : notFound(named, 'is not there');
}

/** Where something is to be saved: a file that is not there yet, in a folder that is made where it is missing. */
export async function placeWithin(
  folders: readonly string[],
  { named, fileName }: { named: string | undefined; fileName: string },
): Promise<string> {
  const [first] = folders;
  if (first === undefined) throw outside(named ?? fileName);
  const given = named === undefined || named === '' ? '.' : pathOf(named);
  const path = isAbsolute(given) ? resolve(given) : resolve(first, given);
  const isFolder = /[/\\]$/.test(given) || given === '.' || (await isDirectory(path)) || extname(path) === '';
  const target = isFolder ? join(path, basename(fileName)) : path;
  const folder = dirname(target);
  // What is there of the way decides: a link may lead out of the folders.
  if (!isBelowAny(folders, await realAncestor(folder))) throw outside(named ?? fileName);
  await mkdir(folder, { recursive: true });
  if (!isBelowAny(folders, await realpath(folder))) throw outside(named ?? fileName);
  return target;
}

async function realAncestor(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  return real ?? (dirname(path) === path ? path : realAncestor(dirname(path)));
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function isBelowAny(folders: readonly string[], path: string): boolean {
  return folders.some((folder) => {
    const way = relative(folder, path);
    return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
  });
}

function pathOf(named: string): string {
  if (/^file:/i.test(named)) {
    const path = toPath(named);
    if (path === undefined) throw notFound(named, 'is no path of this machine');
    return path;
  }
  return /^~[/\\]/.test(named) ? join(homedir(), named.slice(2)) : named;
}

/** What a client wrote is repeated as far as it shows which one is meant. */
const clip = (named: string) => (named.length > 120 ? `…${named.slice(-120)}` : named);

export function outside(named: string): AppError {
  return new AppError('file_outside_roots', `${clip(named)} is not in a folder that may be used here.`, {
    nextAction: `Use a file below the client's roots, or ask the user to share its folder (a root of the client, or --root of this server)${hint`; else send it with ${callOf(createUpload)}`}.`,
  });
}

export function noFolders(): AppError {
  return new AppError(
    'file_outside_roots',
    'This client shares no folders, so no file can be used by its path.',
    {
      nextAction: `Ask the user to share a folder (a root of the client, or --root of this server)${hint`, or send the file with ${callOf(createUpload)}`}.`,
    },
  );
}

function notFound(named: string, what: string): AppError {
  return new AppError('file_not_found', `${clip(named)} ${what}.`, {
    nextAction:
      'Check the path: it is relative to the roots of the client. Text that begins with @ is written with @@.',
  });
}

/** Configuration files of other programs: read with what they are, written whole or not at all. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BrokenConfig } from './text-editor.ts';

export interface ClientFile {
  /** Where the text is: the end of any symbolic links. */
  path: string;
  /** Undefined where there is no file yet. */
  text: string | undefined;
  mode: number;
}

const ownerOnly = 0o600;
const largest = 20_000_000;

export function readClientFile(named: string): ClientFile {
  try {
    const path = realpathSync(named);
    const { mode, size } = statSync(path);
    if (size > largest) throw new BrokenConfig('it is larger than any configuration');
    return { path, text: decode(readFileSync(path)), mode: mode & 0o777 };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return { path: named, text: undefined, mode: ownerOnly };
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BrokenConfig('it is not text in UTF-8');
  }
}

/**
 * In one step, so that a client that reads meanwhile has the old text or the new one. A file that holds a key is its
 * owner's alone from now on; any other keeps its mode.
 */
export function writeClientFile(file: ClientFile, text: string, { holdsKey }: { holdsKey: boolean }): void {
  const mode = holdsKey ? ownerOnly : file.mode;
  mkdirSync(dirname(file.path), { recursive: true });
  const beside = join(dirname(file.path), `.${basename(file.path)}.${randomBytes(6).toString('hex')}`);
  try {
    const descriptor = openSync(beside, 'wx', mode);
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, file.path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** A copy for its owner alone, beside nothing that a client reads or a repository keeps. Returns where it is. */
export function backUp(file: ClientFile, folder: string, now: Date): string | undefined {
  if (file.text === undefined) return undefined;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().replaceAll(':', '-').replace('.', '-');
  const copy = join(folder, `${stamp}-${randomBytes(2).toString('hex')}-${basename(file.path)}`);
  writeFileSync(copy, file.text, { mode: ownerOnly, flag: 'wx' });
  return copy;
}

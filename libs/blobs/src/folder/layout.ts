import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

const suffix = '.blob';

/**
 * Where a blob's file is: `assets/ab12/x` in `assets/ab/ab12/x.blob`, so that no folder grows past some hundred
 * entries per two characters, and a blob never stands where another key needs a folder.
 */
export function pathOfKey(root: string, key: string): string {
  const [first = '', second, ...rest] = key.split('/');
  const parts = second === undefined ? [first] : [first, second.slice(0, 2), second, ...rest];
  return `${path.join(root, ...parts)}${suffix}`;
}

/** Every key that begins with `prefix`, folder by folder; folders that cannot hold one are not read. */
export async function* walk(root: string, prefix: string): AsyncGenerator<string> {
  yield* walkFolder({ folder: root, key: '', depth: 0 }, prefix);
}

interface Place {
  folder: string;
  /** The part of the key that leads here, with its last slash. */
  key: string;
  depth: number;
}

async function* walkFolder(place: Place, prefix: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(place.folder)) {
    if (entry.isDirectory()) {
      const inner = enter(place, entry.name, prefix);
      if (inner !== undefined) yield* walkFolder(inner, prefix);
    } else if (entry.name.endsWith(suffix)) {
      const key = place.key + entry.name.slice(0, -suffix.length);
      if (key.startsWith(prefix)) yield key;
    }
  }
}

/** The folder inside, or nothing when no key with this prefix can be in it. */
function enter(place: Place, name: string, prefix: string): Place | undefined {
  const isShard = place.depth === 1;
  const lead = `${place.key}${name}${isShard ? '' : '/'}`;
  if (!lead.startsWith(prefix) && !prefix.startsWith(lead)) return undefined;
  return {
    folder: path.join(place.folder, name),
    key: isShard ? place.key : lead,
    depth: place.depth + 1,
  };
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    // Deleted since its parent was read.
    return [];
  }
}

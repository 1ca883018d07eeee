/** What may be read and written of a client's machine. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWithin, placeWithin, realFolders, rootPaths } from './folders.ts';

let home: string;
let root: string;
let folders: string[];

beforeEach(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'inferry-folders-')));
  root = join(home, 'project');
  mkdirSync(join(root, 'pictures'), { recursive: true });
  mkdirSync(join(home, 'project-secret'));
  writeFileSync(join(root, 'pictures/a b.png'), 'picture');
  writeFileSync(join(home, 'secret.txt'), 'secret');
  writeFileSync(join(home, 'project-secret/key.txt'), 'secret');
  symlinkSync(join(home, 'secret.txt'), join(root, 'link.txt'));
  symlinkSync(home, join(root, 'up'));
  symlinkSync(join(root, 'pictures/a b.png'), join(root, 'inside.png'));
  symlinkSync(root, join(home, 'linked-root'));
  folders = await realFolders([join(home, 'linked-root'), join(home, 'missing')]);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function read(named: string): Promise<string> {
  const { file } = await openWithin(folders, named);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

describe('a file is read', () => {
  it('by a path from a root, a whole path, a URL, and a link that stays inside', async () => {
    const url = pathToFileURL(join(root, 'pictures/a b.png')).href;
    const named = ['pictures/a b.png', './pictures/../pictures/a b.png', join(root, 'inside.png'), url];

    expect(await Promise.all([...named, join(home, 'linked-root/inside.png')].map(read))).toEqual(
      Array(5).fill('picture'),
    );
  });

  it.each([
    '../secret.txt',
    'pictures/../../secret.txt',
    '/etc/passwd',
    'link.txt',
    'up/secret.txt',
    'up/project-secret/key.txt',
    '../project-secret/key.txt',
    '../not-there-either.txt',
    'file:///etc/passwd',
  ])('never outside: %s', async (named) => {
    await expect(read(named)).rejects.toMatchObject({ code: 'file_outside_roots' });
  });

  it('when it is one: not a folder, a pipe, or what is not there', async () => {
    execFileSync('mkfifo', [join(root, 'pipe.png')]);

    for (const named of ['pictures', 'pipe.png', 'pictures/none.png', 'file://elsewhere/share/a.png'])
      await expect(read(named)).rejects.toMatchObject({ code: 'file_not_found' });
  });
});

describe('a file is saved', () => {
  const place = (named?: string) => placeWithin(folders, { named, fileName: 'fox.png' });

  it('in the first root, in a folder that is made, or by another name', async () => {
    expect(await place()).toBe(join(root, 'fox.png'));
    expect(await place('pictures')).toBe(join(root, 'pictures/fox.png'));
    expect(await place('new/deep/')).toBe(join(root, 'new/deep/fox.png'));
    expect(await place('new/wolf.png')).toBe(join(root, 'new/wolf.png'));
  });

  it.each(['../fox.png', 'up/fox.png', 'up/new/', '/tmp/', 'link.txt/../../x/'])(
    'never outside: %s',
    async (named) => {
      await expect(place(named)).rejects.toMatchObject({ code: 'file_outside_roots' });
    },
  );
});

describe('roots', () => {
  it('are what is a path of this machine', () => {
    const roots = [{ uri: 'file:///a%20b' }, { uri: 'https://example.com' }, { uri: 'file://host/x' }, {}, 7];

    expect(rootPaths({ roots })).toEqual(['/a b']);
    expect(rootPaths({})).toEqual([]);
    expect(rootPaths('none')).toEqual([]);
  });
});

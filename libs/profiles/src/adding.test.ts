// Holds what docs/adding.md says: a tool is one file and one line, a profile one folder and one line.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { profiles } from './index.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..', '..');
const folders = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, 'profile.ts')))
  .map(({ name }) => name);
const sources = globSync(['libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'cli/src/**/*.ts'], { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => join(root, path));
const texts = new Map(sources.map((file) => [file, readFileSync(file, 'utf8')]));

interface Import {
  from: string;
  of: string;
}

const imports: Import[] = sources.flatMap((file) =>
  [...(texts.get(file) ?? '').matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) => ({
    from: file,
    of: resolve(dirname(file), path),
  })),
);
const within = (file: string, folder: string) => file.startsWith(`${join(here, folder)}/`);
const named = (file: string) => relative(here, file);

/** Lines that say a word, and are no import of it. */
function linesWith(file: string, word: string): string[] {
  const body = (texts.get(file) ?? '').replace(/^(?:import|export) [^;]*? from '[^']+';$/gms, '');
  return body.split('\n').filter((line) => new RegExp(`\\b${word}\\b`).test(line));
}

describe.each(folders)('the profile in %s/', (folder) => {
  test('is met by one file outside of its folder, the list of profiles', () => {
    const others = imports.filter(({ from, of }) => within(of, folder) && !within(from, folder));

    expect([...new Set(others.map(({ from }) => named(from)))]).toEqual(['index.ts']);
    expect([...new Set(others.map(({ of }) => named(of)))]).toEqual([`${folder}/profile.ts`]);
  });

  test('knows no other profile', () => {
    const known = imports.filter(
      ({ from, of }) =>
        within(from, folder) && folders.some((other) => other !== folder && within(of, other)),
    );

    expect(known.map(({ from }) => named(from))).toEqual([]);
  });

  test('has each tool in one file, which is listed by one line', () => {
    const profile = join(here, folder, 'profile.ts');
    const files = sources.filter((file) => within(file, `${folder}/tools`));
    for (const file of files) {
      const tools = [...(texts.get(file) ?? '').matchAll(/^export const (\w+) = define\w*Tool\(/gm)];
      for (const [, tool = ''] of tools) {
        const inProfile = linesWith(profile, tool);
        // A regular family has its own list, which the profile takes whole.
        const family = linesWith(file, tool).filter((line) => !line.startsWith('export const'));
        const listed = inProfile.length > 0 ? inProfile : family;

        expect(listed, `${named(file)}: ${tool}`).toHaveLength(1);
      }
    }
  });
});

test('each profile has one line in the list', () => {
  const lines = (texts.get(join(here, 'index.ts')) ?? '').split('\n');
  const start = lines.findIndex((line) => line.startsWith('export const profiles'));
  const listed = lines.slice(start + 1, lines.indexOf('];', start)).filter((line) => !line.includes('//'));

  expect(listed).toHaveLength(profiles.length);
  expect(new Set(listed).size).toBe(listed.length);
});

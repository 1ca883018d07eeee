/** No text outside of the profiles names a tool: a hint names an operation, which each profile says in its own words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { operations } from '@inferry/contracts';
import { sayCommands } from '@inferry/runtime';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** What is no text for an agent: schemas of operations and the docs of codes, tables of names, the command line's own calls. */
const exempt = [
  'libs/profiles/',
  'libs/contracts/src/operations/',
  'libs/contracts/src/shapes/',
  'libs/contracts/src/endpoint-error-codes.ts',
  'libs/contracts/src/error-codes.ts',
  'libs/bus/src/nats/nats-users.ts',
  'libs/testing/',
  'cli/src/commands/',
];

function shippedFiles(): string[] {
  return ['libs', 'services', 'cli']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(root, folder, name),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .filter((file) => !/\.test\.ts$|contract-suite|\.fixture\.ts$|\/testing\/|\/test-/.test(file))
    .filter((file) => !exempt.some((prefix) => relative(root, file).startsWith(prefix)));
}

/** The literals of a source, without its comments and what stands in the gaps of templates. */
function literalsOf(source: string): string[] {
  // Only at the beginning of a line: a path may end with a star.
  const code = source.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g)].map(([text]) =>
    text.replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, ''),
  );
}

it('no literal outside of the profiles names a tool', () => {
  const names = new RegExp(`\\b(?:${operations.map(({ name }) => name).join('|')})\\b`);
  const found = shippedFiles().flatMap((file) =>
    literalsOf(readFileSync(file, 'utf8'))
      // A name by itself is an operation's, and no text for anybody.
      .filter((text) => names.test(text) && /\s/.test(text))
      .map((text) => `${relative(root, file)}: ${text.slice(0, 100)}`),
  );

  expect(found).toEqual([]);
});

it('no text of a service or a library says "npm run" where the package is run: it is said by how commands are called', () => {
  // Usage texts of commands go through what the command line says to people (`speaking`).
  const files = shippedFiles().filter((file) => /^(libs|services)\//.test(relative(root, file)));
  const found = files
    .filter((file) => !file.endsWith('-command.ts') && !file.endsWith('program-words.ts'))
    .filter((file) => {
      const source = readFileSync(file, 'utf8');
      const said = source.replace(/sayCommands\(\s*(['`])[^'`]*\1/g, '');
      return literalsOf(said).some((text) => /\bnpm (run|start)\b/.test(text));
    });

  expect(found.map((file) => relative(root, file))).toEqual([]);
  expect(files.length).toBeGreaterThan(300);
});

it.each([
  ['npm run keys -- create --name me', 'inferry keys create --name me'],
  ['(npm run secrets prints them)', '(inferry secrets prints them)'],
  ['npm start -- --port 1', 'inferry start --port 1'],
])('%s is said as %s in the package', (text, said) => {
  expect(sayCommands(text, { INFERRY_STARTED_AS: 'package' })).toBe(said);
  expect(sayCommands(text, {})).toBe(text);
});

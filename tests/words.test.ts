/** No text outside of the profiles names a tool: a hint names an operation, which each profile says in its own words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { operations } from '@inferry/contracts';
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
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
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

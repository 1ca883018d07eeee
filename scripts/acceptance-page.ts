// docs/acceptance.md: what the four products promise, and which tests show it. A test cites a promise by its id in
// square brackets at the end of its title; nothing else links the two.
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const promisesFile = join(root, 'tests', 'acceptance', 'promises.txt');
const notYetFile = join(root, 'tests', 'acceptance', 'not-yet.txt');

export interface AcceptancePromise {
  id: string;
  kind: string;
  scope: string;
  text: string;
}

export interface CitingTest {
  id: string;
  file: string;
  title: string;
}

/** One line each: id, kind and scope as letters, a sentence. */
export function readPromises(): AcceptancePromise[] {
  return lines(promisesFile).map((line) => {
    const [, id = '', kind = '', scope = '', text = ''] = /^(\S+) (\w)(\w) (.+)$/.exec(line) ?? [];
    if (id === '') throw new Error(`${promisesFile}: not a promise: ${line}`);
    return { id, kind, scope, text };
  });
}

/** Promises that no test shows yet. The list may only shrink. */
export function readNotYet(): string[] {
  return lines(notYetFile);
}

const idShape = '(?:(?:MRD?|RWD?|RF|RPR?|RPB)-\\d+|X\\d+)';
/** A text in quotes that ends in ids: a title, or the part of one that stands in a table of cases. */
const citing = new RegExp(`(['"\`])((?:(?!\\1)[^\\\\]|\\\\.)*?)((?:\\s?\\[${idShape}\\])+)\\1`, 'g');

/** Every title of a unit or integration test that cites a promise. */
export function readCitations(): CitingTest[] {
  const files = globSync(
    ['libs', 'services', 'cli', 'tests'].map((folder) => `${folder}/**/*.ts`),
    {
      cwd: root,
      exclude: ['**/node_modules/**'],
    },
  );
  return files
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.test\.ts$|contract-suite\.ts$/.test(file))
    .sort()
    .flatMap((file) => readFileSync(join(root, file), 'utf8').split('\n').flatMap(citationsIn(file)));
}

function citationsIn(file: string): (line: string) => CitingTest[] {
  return (line) =>
    [...line.matchAll(citing)].flatMap(([, , title = '', ids = '']) =>
      [...ids.matchAll(/\[(\S+?)\]/g)].map(([, id = '']) => ({ id, file, title: readable(title) })),
    );
}

function readable(title: string): string {
  return title
    .trim()
    .replaceAll('\\u2019', '’')
    .replaceAll(/\\(.)/g, '$1')
    .replaceAll('|', '\\|')
    .replaceAll(/[<>]/g, (sign) => (sign === '<' ? '&lt;' : '&gt;'));
}

const kinds =
  'T tool, A argument, D default, L limit, E error, H header, P address, V variable, B behaviour, C client’s configuration, S documents, X development';
const products: [heading: string, prefixes: readonly string[]][] = [
  ['ModelRunner', ['MR', 'MRD']],
  ['Runware', ['RW', 'RWD']],
  ['Runflow', ['RF']],
  ['Runpod', ['RP', 'RPR', 'RPB']],
  ['Where they contradict each other', ['X']],
];

export function acceptancePage(promises: readonly AcceptancePromise[], tests: readonly CitingTest[]): string {
  return [
    '# Acceptance',
    '',
    '<!-- Written by `npm run docs` from tests/acceptance/promises.txt and the titles of the tests. -->',
    '',
    'What the public documents of four products promise of their MCP servers, and where a test shows it here. A test cites',
    'a promise by its id in square brackets at the end of its title; a comment in the code may cite one too. Upper-case ids',
    'of one more letter (MRD, RWD, RPR, RPB) are what a product has added since.',
    '',
    `Kinds: ${kinds}. A kind in brackets is none of the server’s: a document, the project’s own work, or the platform’s.`,
    '',
    ...products.flatMap(([heading, prefixes]) => [
      `## ${heading}`,
      '',
      '| id | kind | promise | shown by |',
      '|---|---|---|---|',
      ...promises.filter(({ id }) => prefixes.includes(prefixOf(id))).map((one) => rowOf(one, tests)),
      '',
    ]),
  ].join('\n');
}

function rowOf({ id, kind, scope, text }: AcceptancePromise, tests: readonly CitingTest[]): string {
  const shown = tests.filter((test) => test.id === id).map(({ file, title }) => `[${title}](../${file})`);
  return `| ${id} | ${scope === 'S' ? kind : `(${kind})`} | ${text.replaceAll('|', '\\|')} | ${shown.join('; ')} |`;
}

export function prefixOf(id: string): string {
  return id.replace(/-?\d+$/, '');
}

/** Takes what a test shows by now from the list of what none does. */
export function shortenNotYet(tests: readonly CitingTest[]): void {
  const shown = new Set(tests.map(({ id }) => id));
  const left = [...new Set(readNotYet())].filter((id) => !shown.has(id));
  writeFileSync(notYetFile, left.map((id) => `${id}\n`).join(''));
}

function lines(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/**
 * node tests/releases/record.ts [statements.jsonl]: writes what this release says and stores to <version>.jsonl, for the next one to
 * be held against. Statements come from the tests of the database and of the services on it, or from a file that was recorded before.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Dialect, migrations } from '@inferry/database';
import { everyMessage, examplesOf, schemaOf } from './messages.ts';
import type { RecordLine, ReleaseRecord, Statement } from './statements.ts';

const root = join(import.meta.dirname, '../..');
const longest = 4_000;
const recorded: readonly (readonly string[])[] = [
  [
    '--project',
    'unit',
    'libs/database/src',
    'services/upload/src',
    'services/catalog/src',
    'services/inference-poller/src',
  ],
  [
    '--project',
    'integration',
    'tests/integration/account-queries',
    'tests/integration/run-queries',
    'tests/integration/wrapper-queries',
  ],
];

function recordStatements(file: string): void {
  const hook = pathToFileURL(join(import.meta.dirname, 'record-statements.mjs')).href;
  const env = { ...process.env, RECORD_FILE: file, NODE_OPTIONS: `--import=${hook}` };
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  for (const tests of recorded)
    spawnSync(process.execPath, [vitest, 'run', ...tests], { cwd: root, env, stdio: 'inherit' });
}

/** Each distinct statement once, with the parameters that it had first; what only makes or asks for a schema is left out. */
function readStatements(file: string, tables: readonly string[]): Record<Dialect, Statement[]> {
  const found: Record<Dialect, Map<string, unknown[]>> = { sqlite: new Map(), postgres: new Map() };
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.length > longest) continue;
    // as: written by record-statements.mjs.
    const [dialect, sql, values] = JSON.parse(line) as [Dialect, string, unknown[]];
    const isData = /^(select|insert|update|delete|with)\b/i.test(sql);
    const isOurs = tables.some((table) => sql.includes(`"${table}"`) || sql.includes(` ${table} `));
    // Lists of different lengths are one statement.
    const key = sql.replaceAll(/(\(?(\$\d+|\?)\)?)(, \(?(\$\d+|\?)\)?)+/g, '…').replaceAll(/\$\d+/g, '?');
    if (isData && isOurs && !found[dialect].has(key)) found[dialect].set(key, [sql, ...values]);
  }
  const list = (dialect: Dialect) =>
    [...found[dialect].values()].map(([sql, ...values]): Statement => [String(sql), values]);
  return { sqlite: list('sqlite'), postgres: list('postgres') };
}

function main(): void {
  // as: package.json has a version.
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const folder = mkdtempSync(join(tmpdir(), 'inferry-record-'));
  const file = process.argv[2] ?? join(folder, 'statements.jsonl');
  if (!existsSync(file)) recordStatements(file);
  const schema = migrations.map(({ id, oldest, up }) => ({
    ...{ id, sqlite: up('sqlite'), postgres: up('postgres') },
    ...(oldest !== undefined && { oldest }),
  }));
  const tables = schema.flatMap(({ sqlite }) =>
    [...sqlite.join('\n').matchAll(/create table (\w+)/g)].map(([, name = '']) => name),
  );
  const messages = Object.fromEntries(
    [...everyMessage()].map(([name, message]) => [
      name,
      { schema: schemaOf(message), examples: examplesOf(message, 3) },
    ]),
  );
  const record: ReleaseRecord = { version, messages, schema, statements: readStatements(file, tables) };
  writeFileSync(join(import.meta.dirname, `${version}.jsonl`), `${toLines(record)}\n`);
  rmSync(folder, { recursive: true, force: true });
}

/** A line for each message and statement, so that a change of one is a change of one line. */
function toLines({ version, messages, schema, statements }: ReleaseRecord): string {
  const lines: RecordLine[] = [
    ['release', version],
    ...Object.entries(messages).map(([name, side]): RecordLine => ['message', name, side]),
    ...schema.map((migration): RecordLine => ['migration', migration]),
    ...statements.sqlite.map(([sql, values]): RecordLine => ['sqlite', sql, values]),
    ...statements.postgres.map(([sql, values]): RecordLine => ['postgres', sql, values]),
  ];
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

main();

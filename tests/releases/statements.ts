/** What a release stored and how it asked for it, tried on the schema of the next one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, Dialect, Migration } from '@inferry/database';
import { CompiledQuery } from 'kysely';
import type { Side } from './messages.ts';

/** Its text, and the parameters that it had when it was recorded. */
export type Statement = readonly [sql: string, values: readonly unknown[]];

export interface ReleaseRecord {
  version: string;
  messages: Readonly<Record<string, Side>>;
  schema: readonly { id: string; oldest?: string; sqlite: string[]; postgres: string[] }[];
  statements: Readonly<Record<Dialect, readonly Statement[]>>;
}

/** The file is a list of these, one on each line. */
export type RecordLine =
  | ['release', string]
  | ['message', string, Side]
  | ['migration', ReleaseRecord['schema'][number]]
  | [Dialect, string, readonly unknown[]];

/** The release before this one. */
export function readRelease(version: string): ReleaseRecord {
  const messages: Record<string, Side> = {};
  const schema: ReleaseRecord['schema'][number][] = [];
  const statements: Record<Dialect, Statement[]> = { sqlite: [], postgres: [] };
  const text = readFileSync(join(import.meta.dirname, `${version}.jsonl`), 'utf8');
  for (const line of text.trim().split('\n')) {
    // as: written by record.ts.
    const item = JSON.parse(line) as RecordLine;
    if (item[0] === 'message') messages[item[1]] = item[2];
    else if (item[0] === 'migration') schema.push(item[1]);
    else if (item[0] !== 'release') statements[item[0]].push([item[1], item[2]]);
  }
  return { version, messages, schema, statements };
}

export function migrationsOf({ schema }: ReleaseRecord): Migration[] {
  return schema.map(({ id, oldest, ...statements }) => ({
    ...{ id, up: (dialect: Dialect) => statements[dialect] },
    ...(oldest !== undefined && { oldest }),
  }));
}

/** Rows in every table: all that the release ever inserted in its tests, whatever belongs together or not. */
export async function fill(database: Database, statements: readonly Statement[]): Promise<void> {
  const loosen =
    database.dialect === 'postgres' ? "set local session_replication_role = 'replica'" : 'select 1';
  for (const [sql, values] of statements) {
    if (!/^insert/i.test(sql)) continue;
    await database
      .transaction(async (queries) => {
        await queries.executeQuery(CompiledQuery.raw(loosen));
        await queries.executeQuery(CompiledQuery.raw(sql, [...values]));
      })
      .catch(() => {
        // A second row of one key, or one that belongs to another that is not there.
      });
  }
}

class Undone extends Error {}

/** Sends each statement and takes it back; those that were refused, with why. A row that is there already is no refusal. */
export async function tryAll(
  database: Database,
  statements: readonly Statement[],
): Promise<ReadonlyMap<string, string>> {
  const refused = new Map<string, string>();
  for (const [sql, values] of statements) {
    const outcome = await database
      .transaction(async (queries) => {
        await queries.executeQuery(CompiledQuery.raw(sql, [...values]));
        throw new Undone();
      })
      .catch((error: unknown) => error);
    if (!(outcome instanceof Undone))
      refused.set(sql, outcome instanceof Error ? outcome.message : String(outcome));
  }
  return refused;
}

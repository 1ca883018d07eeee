/** Brings a schema up to date, and tells what a schema is that another release or another program made. */
import { AppError } from '@inferry/contracts';
import { CompiledQuery, type Transaction } from 'kysely';
import type { Dialect, SchemaState } from './database.ts';
import type { Migration } from './migrations.ts';
import type { Schema } from './schema.ts';

/** Any number, the same in every release: who holds this lock migrates, everybody else waits. */
const lockKey = 7_316_499_201;

type Run = (sqlText: string, values?: unknown[]) => Promise<{ rows: unknown[] }>;

interface Applied {
  id: string;
  /** The oldest migration that a release must have to live with the schema after this one; null: this one. */
  oldest: string | null;
}

/**
 * Applies what is missing, in the caller's one transaction: after a crash half-way nothing has changed. On SQLite
 * the transaction itself is the lock. A newer schema is left as it is, if the release that made it says that this one
 * can live with it.
 */
export async function applyMigrations(
  queries: Transaction<Schema>,
  dialect: Dialect,
  migrations: readonly Migration[],
): Promise<void> {
  const run = runnerOf(queries);
  if (dialect === 'postgres') {
    await run("set local statement_timeout = '10min'");
    await run("set local lock_timeout = '1min'");
    await run(`select pg_advisory_xact_lock(${lockKey})`);
  }
  const before = await tablesOf(run, dialect);
  if (!before.has('migrations')) refuseForeign(before);
  await run('create table if not exists migrations (id text primary key, applied_at bigint not null)');
  const hasOldest = await hasColumn(run, dialect, 'oldest');
  const applied = await readApplied(run, hasOldest);
  const missing = findMissing(applied, migrations);
  if (missing.length === 0) return;
  if (!hasOldest) await run('alter table migrations add column oldest text');
  for (const migration of missing) {
    for (const statement of migration.up(dialect)) await run(statement);
    const placeholders = dialect === 'postgres' ? '$1, $2, $3' : '?, ?, ?';
    const values = [migration.id, Date.now(), migration.oldest ?? null];
    await run(`insert into migrations (id, applied_at, oldest) values (${placeholders})`, values);
  }
}

/** What the schema lacks, changing nothing. Throws as `applyMigrations` does for one that is not for this release. */
export async function readSchemaState(
  queries: Transaction<Schema>,
  dialect: Dialect,
  migrations: readonly Migration[],
): Promise<SchemaState> {
  const run = runnerOf(queries);
  const tables = await tablesOf(run, dialect);
  if (!tables.has('migrations')) {
    refuseForeign(tables);
    return { isEmpty: true, missing: migrations.map(({ id }) => id) };
  }
  const applied = await readApplied(run, await hasColumn(run, dialect, 'oldest'));
  return { isEmpty: false, missing: findMissing(applied, migrations).map(({ id }) => id) };
}

function runnerOf(queries: Transaction<Schema>): Run {
  return (sqlText, values = []) => queries.executeQuery(CompiledQuery.raw(sqlText, values));
}

function findMissing(applied: readonly Applied[], migrations: readonly Migration[]): Migration[] {
  const known = new Set(migrations.map((migration) => migration.id));
  const tooNew = applied.filter(
    ({ id, oldest }) => !known.has(id) && !(oldest !== null && known.has(oldest)),
  );
  if (tooNew.length > 0) {
    const names = tooNew.map(({ id }) => id).join(', ');
    throw new AppError(
      'internal',
      `The database is newer than this release: it has ${names}. Start the release that made it.`,
    );
  }
  const done = new Set(applied.map(({ id }) => id));
  return migrations.filter((migration) => !done.has(migration.id));
}

/** Tables that are there before any of ours belong to somebody else. */
function refuseForeign(tables: ReadonlySet<string>): void {
  const [first] = tables;
  if (first === undefined) return;
  throw new AppError(
    'internal',
    `The database belongs to another program: it has a table ${first} and none of Inferry's. Name an empty one.`,
  );
}

async function tablesOf(run: Run, dialect: Dialect): Promise<Set<string>> {
  const { rows } = await run(
    dialect === 'postgres'
      ? "select table_name as name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'"
      : "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
  );
  return new Set(rows.map((row) => textOf(row, 'name') ?? ''));
}

async function hasColumn(run: Run, dialect: Dialect, column: string): Promise<boolean> {
  const { rows } = await run(
    dialect === 'postgres'
      ? "select column_name as name from information_schema.columns where table_schema = current_schema() and table_name = 'migrations'"
      : "select name from pragma_table_info('migrations')",
  );
  const names = rows.map((row) => textOf(row, 'name'));
  if (!names.includes('id') || !names.includes('applied_at')) {
    throw new AppError(
      'internal',
      'The database belongs to another program: its table of migrations is not ours. Name an empty database.',
    );
  }
  return names.includes(column);
}

async function readApplied(run: Run, hasOldest: boolean): Promise<Applied[]> {
  const { rows } = await run(`select id${hasOldest ? ', oldest' : ''} from migrations order by id`);
  return rows.map((row) => ({ id: textOf(row, 'id') ?? '', oldest: textOf(row, 'oldest') }));
}

function textOf(row: unknown, name: string): string | null {
  const value =
    typeof row === 'object' && row !== null ? Object.entries(row).find(([key]) => key === name)?.[1] : null;
  return typeof value === 'string' ? value : null;
}

import { AppError } from '@inferry/contracts';
import { CompiledQuery, type Transaction } from 'kysely';
import type { Dialect } from './database.ts';
import type { Migration } from './migrations.ts';
import type { Schema } from './schema.ts';

/** Any number, the same in every release: who holds this lock migrates, everybody else waits. */
const lockKey = 7_316_499_201;

/**
 * Applies what is missing, in the caller's one transaction: after a crash half-way nothing has changed. On SQLite
 * the transaction itself is the lock.
 */
export async function applyMigrations(
  queries: Transaction<Schema>,
  dialect: Dialect,
  migrations: readonly Migration[],
): Promise<void> {
  const run = (sqlText: string, values: unknown[] = []) =>
    queries.executeQuery(CompiledQuery.raw(sqlText, values));
  if (dialect === 'postgres') {
    await run("set local statement_timeout = '10min'");
    await run("set local lock_timeout = '1min'");
    await run(`select pg_advisory_xact_lock(${lockKey})`);
  }
  await run('create table if not exists migrations (id text primary key, applied_at bigint not null)');
  const { rows } = await run('select id from migrations order by id');
  const missing = findMissing(rows.map(readId), migrations);
  for (const migration of missing) {
    for (const statement of migration.up(dialect)) await run(statement);
    const placeholders = dialect === 'postgres' ? '$1, $2' : '?, ?';
    await run(`insert into migrations (id, applied_at) values (${placeholders})`, [migration.id, Date.now()]);
  }
}

function findMissing(applied: readonly string[], migrations: readonly Migration[]): Migration[] {
  const known = new Set(migrations.map((migration) => migration.id));
  const foreign = applied.filter((id) => !known.has(id));
  if (foreign.length > 0) {
    throw new AppError(
      'internal',
      `The database is newer than this release: it has ${foreign.join(', ')}. Start the release that made it.`,
    );
  }
  return migrations.filter((migration) => !applied.includes(migration.id));
}

function readId(row: unknown): string {
  if (typeof row === 'object' && row !== null && 'id' in row && typeof row.id === 'string') return row.id;
  throw new Error('The table of migrations holds something else.');
}

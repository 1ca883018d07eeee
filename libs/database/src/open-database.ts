import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, ConfigError, unlessAborted } from '@inferry/contracts';
import {
  CompiledQuery,
  type Driver,
  Kysely,
  type Dialect as KyselyDialect,
  type LimitNode,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Transaction,
} from 'kysely';
import type { Database, Dialect } from './database.ts';
import { isSerializationFailure, unavailable } from './failures.ts';
import { applyMigrations, readSchemaState } from './migrate.ts';
import { migrations as allMigrations, type Migration } from './migrations.ts';
import { PostgresDriver } from './postgres/postgres-driver.ts';
import type { Schema } from './schema.ts';
import { SqliteDriver } from './sqlite/sqlite-driver.ts';

export interface DatabaseOptions {
  /** `sqlite:<file>`, `sqlite::memory:` or `postgres://…`. */
  url: string;
  /** Told what the driver said when callers only get `unavailable`; it must not throw. */
  onError?: ((error: unknown) => void) | undefined;
  /** Postgres only: connections of this process at most. */
  maxConnections?: number | undefined;
  /** Postgres only: queries that may wait for a connection; one more is answered `busy`. */
  maxWaiting?: number | undefined;
  /** Postgres only. */
  connectTimeoutMs?: number | undefined;
  /** Postgres only: the longest that one statement may take. */
  statementTimeoutMs?: number | undefined;
  pingTimeoutMs?: number | undefined;
  /** Another list than the released one, for tests. */
  migrations?: readonly Migration[] | undefined;
}

const maxAttempts = 3;
const isAlive: Readonly<Record<Dialect, string>> = {
  postgres: 'select pg_is_in_recovery() as standby',
  sqlite: 'select 1',
};

/** Opens a database. Postgres is connected to when the first query needs it; a SQLite file is opened at once. */
export function openDatabase(options: DatabaseOptions): Database {
  const { dialect, driver } = createDriver(options);
  const queries = new Kysely<Schema>({ dialect: toKyselyDialect(dialect, driver) });
  const current = new AsyncLocalStorage<{ isOpen: boolean }>();

  async function runOnce<T>(work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
    const state = { isOpen: true };
    try {
      return await current.run(state, () => queries.transaction().execute(work));
    } finally {
      state.isOpen = false;
    }
  }

  async function transaction<T>(work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
    if (current.getStore()?.isOpen === true) {
      throw new AppError('internal', 'A transaction was started within another: pass the outer one on.');
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await runOnce(work);
      } catch (error) {
        if (attempt >= maxAttempts || !isSerializationFailure(error)) throw error;
      }
      await sleep(Math.random() * 50 * attempt);
    }
  }

  async function answers(): Promise<void> {
    const { rows } = await queries.executeQuery<{ standby?: unknown }>(CompiledQuery.raw(isAlive[dialect]));
    // Whoever was promoted in its place answers at the same address, to new connections.
    if (rows[0]?.standby === true) throw unavailable('The database takes no writes now: it is a standby.');
    if (driver instanceof SqliteDriver) await driver.checkRoom();
  }

  return {
    dialect,
    queries,
    transaction,
    migrate: () =>
      transaction((inner) => applyMigrations(inner, dialect, options.migrations ?? allMigrations)),
    schemaState: () =>
      transaction((inner) => readSchemaState(inner, dialect, options.migrations ?? allMigrations)),
    async ping() {
      const late = () => unavailable('The database does not answer.');
      await unlessAborted(answers(), AbortSignal.timeout(options.pingTimeoutMs ?? 2_000), late);
    },
    // The driver is closed directly: Kysely's own destroy does nothing before the first query.
    close: () => driver.destroy(),
  };
}

function createDriver(options: DatabaseOptions): { dialect: Dialect; driver: Driver } {
  const { url } = options;
  const onError = options.onError ?? (() => undefined);
  if (url.startsWith('sqlite:')) {
    const location = url.slice('sqlite:'.length);
    if (location === '')
      throw new ConfigError(['The database URL names no file: sqlite:<file> or sqlite::memory:.']);
    return { dialect: 'sqlite', driver: new SqliteDriver({ location, onError }) };
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const driver = new PostgresDriver({
      url,
      maxConnections: options.maxConnections ?? 10,
      maxWaiting: options.maxWaiting ?? 10_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
      onError,
    });
    return { dialect: 'postgres', driver };
  }
  throw new ConfigError(['The database URL must begin with sqlite: or postgres://.']);
}

function toKyselyDialect(dialect: Dialect, driver: Driver): KyselyDialect {
  if (dialect === 'postgres') {
    return {
      createDriver: () => driver,
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (queries) => new PostgresIntrospector(queries),
    };
  }
  return {
    createDriver: () => driver,
    createAdapter: () => new SharedSqliteAdapter(),
    createQueryCompiler: () => new OncePreparedCompiler(),
    createIntrospector: (queries) => new SqliteIntrospector(queries),
  };
}

/** Our driver orders writers itself; Kysely's own lock would make every read wait for a transaction. */
class SharedSqliteAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** SQLite plans by the value of a bare `limit ?`, and so prepares such a statement anew each time that it is used. */
class OncePreparedCompiler extends SqliteQueryCompiler {
  protected override visitLimit({ limit }: LimitNode): void {
    this.append('limit ');
    this.visitNode(limit);
    this.append(' + 0');
  }
}

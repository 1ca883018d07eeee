import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { CompiledQuery, QueryResult } from 'kysely';
import { storable } from '../failures.ts';

const maxStatements = 256;

interface Prepared {
  statement: StatementSync;
  /** Whether it answers with rows; asked once, since the answer lists every column. */
  hasRows: boolean;
}

/** One open handle of a SQLite file with its prepared statements. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(location: string) {
    if (location !== ':memory:') createPrivately(location);
    // Opening may have to wait for another process that is just turning on the write-ahead log.
    this.#database = new DatabaseSync(location, { timeout: 5_000 });
    this.#database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on;');
    // SQLite waits by blocking this whole thread, so it may do so only for a moment; the driver waits for the rest.
    this.#database.exec('pragma busy_timeout = 10');
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  exec(sqlText: string): void {
    this.#database.exec(sqlText);
  }

  run<R>(query: CompiledQuery): QueryResult<R> {
    const { statement, hasRows } = this.#prepare(query);
    const values = query.parameters.map(toInput);
    if (hasRows) {
      // as: the query builder typed the row from the tables that the query names.
      return { rows: statement.all(...values) as R[] };
    }
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(query: CompiledQuery): Prepared {
    const known = this.#statements.get(query.sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(query.sql);
    const prepared = { statement, hasRows: statement.columns().length > 0 };
    // Schema changes come once and must not push the queries of every day out, written out or not.
    if (/^\s*(create|alter|drop|pragma)\b/i.test(query.sql)) return prepared;
    const [oldest] = this.#statements.keys();
    if (this.#statements.size >= maxStatements && oldest !== undefined) this.#statements.delete(oldest);
    this.#statements.set(query.sql, prepared);
    return prepared;
  }
}

/** The file holds every tenant's data: only its owner may read it, whatever the umask. */
function createPrivately(location: string): void {
  mkdirSync(dirname(location), { recursive: true, mode: 0o700 });
  closeSync(openSync(location, 'a', 0o600));
}

/** node:sqlite binds every number as a float, and SQLite divides floats unlike integers. */
function toInput(value: unknown): SQLInputValue {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (value === undefined) return null;
  if (typeof value === 'string') return storable(value);
  // as: node:sqlite itself refuses every type that it cannot bind.
  return value as SQLInputValue;
}

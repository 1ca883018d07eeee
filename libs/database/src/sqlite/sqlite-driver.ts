import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '@inferry/contracts';
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';
import { isBusy, isDamaged, isDiskFull, toUnavailable, unavailable } from '../failures.ts';
import { traceQuery } from '../trace-query.ts';
import { WriteLock } from '../write-lock.ts';
import { SqliteFile } from './sqlite-file.ts';

/** For its turn among our own writers and for another program together: callers wait no longer than this. */
const lockWaitMs = 4_000;
const maxWaiting = 10_000;

/** What the connections of one driver share: the file twice, and the lock of the writing one. */
interface Shared {
  writer: SqliteFile;
  /** A second handle for reads, so that they need not wait for a transaction; the same one in memory. */
  reader: SqliteFile;
  lock: WriteLock;
  isClosed: boolean;
  /** A write found no room, and none was found since. A commit that works says nothing: it may have had nothing to write. */
  isFull: boolean;
  onError: (error: unknown) => void;
}

export interface SqliteDriverOptions {
  /** A path, or `:memory:`. */
  location: string;
  onError: (error: unknown) => void;
}

/**
 * node:sqlite for Kysely. There is one writing handle and statements are synchronous, so a transaction holds a lock
 * from its begin to its end: nothing of anybody else gets in between.
 */
export class SqliteDriver implements Driver {
  readonly #shared: Shared;

  constructor({ location, onError }: SqliteDriverOptions) {
    const writer = openFile(location);
    const reader = location === ':memory:' ? writer : openFile(location);
    this.#shared = {
      writer,
      reader,
      lock: new WriteLock({ waitMs: lockWaitMs, maxWaiting }),
      isClosed: false,
      isFull: false,
      onError,
    };
  }

  /** Rejects while there is no room: after a write that found none, one is tried, which is undone. */
  async checkRoom(): Promise<void> {
    const { writer, lock } = this.#shared;
    if (!this.#shared.isFull) return;
    const unlock = await lock.acquire();
    try {
      writer.exec('begin immediate; create table room_is_looked_for (bytes blob) strict;');
      writer.exec('insert into room_is_looked_for values (zeroblob(65536));');
      // A page that stays as it is would not be written.
      writer.exec('rollback; begin immediate; update migrations set applied_at = applied_at + 1;');
      writer.exec('update migrations set applied_at = applied_at - 1; commit');
      this.#shared.isFull = false;
    } catch (error) {
      if (writer.isInTransaction) writer.exec('rollback');
      throw toUnavailable(error) ?? error;
    } finally {
      unlock();
    }
  }

  async init(): Promise<void> {
    // The constructor has opened the file.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#shared.isClosed) throw unavailable('The database is closed.');
    return new SqliteConnection(this.#shared);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    own(connection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    own(connection).rollback();
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    own(connection).release();
  }

  async destroy(): Promise<void> {
    if (this.#shared.isClosed) return;
    this.#shared.isClosed = true;
    const { reader, writer, lock } = this.#shared;
    // A transaction under way may end; one that does not end in time is rolled back by closing the file.
    await lock.acquire().catch(() => undefined);
    if (reader !== writer) reader.close();
    writer.close();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #shared: Shared;
  #unlock: (() => void) | undefined;
  #hasFailed = false;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async begin(): Promise<void> {
    const since = Date.now();
    const unlock = await this.#shared.lock.acquire();
    try {
      await this.#attempt(() => this.#shared.writer.exec('begin immediate'), since);
    } catch (error) {
      unlock();
      throw error;
    }
    this.#unlock = unlock;
  }

  /** Postgres refuses everything after a failed statement; the same here, or only production would show the fault. */
  commit(): void {
    if (this.#hasFailed) throw new Error('The transaction was aborted by a statement that failed.');
    try {
      this.#shared.writer.exec('commit');
    } catch (error) {
      throw this.#translate(error);
    }
    this.release();
  }

  rollback(): void {
    if (this.#shared.writer.isInTransaction) this.#shared.writer.exec('rollback');
    this.release();
  }

  release(): void {
    this.#unlock?.();
    this.#unlock = undefined;
    this.#hasFailed = false;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return traceQuery('sqlite', query, () => this.#execute<R>(query));
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator, and nothing here streams.
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Streaming is not offered: ask for pages.');
  }

  async #execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { reader, writer, lock } = this.#shared;
    if (this.#unlock !== undefined) return this.#executeInTransaction<R>(query);
    if (reader !== writer && query.query.kind === 'SelectQueryNode') {
      return this.#attempt(() => reader.run<R>(query), Date.now());
    }
    const since = Date.now();
    const unlock = await lock.acquire();
    try {
      return await this.#attempt(() => writer.run<R>(query), since);
    } finally {
      unlock();
    }
  }

  #executeInTransaction<R>(query: CompiledQuery): QueryResult<R> {
    if (this.#hasFailed) throw new Error('The transaction was aborted by a statement that failed.');
    try {
      return this.#shared.writer.run<R>(query);
    } catch (error) {
      this.#hasFailed = true;
      throw this.#translate(error);
    }
  }

  /** Another process may hold the file: a statement that found it so had no effect and is tried again. */
  async #attempt<T>(run: () => T, since: number): Promise<T> {
    const giveUpAt = since + lockWaitMs;
    for (;;) {
      if (this.#shared.isClosed) throw unavailable('The database is closed.');
      try {
        return run();
      } catch (error) {
        if (!isBusy(error) || Date.now() >= giveUpAt) throw this.#translate(error);
      }
      await sleep(2 + Math.random() * 20);
    }
  }

  #translate(error: unknown): unknown {
    const mapped = toUnavailable(error);
    if (isDiskFull(error)) this.#shared.isFull = true;
    if (mapped !== undefined) this.#shared.onError(error);
    return mapped ?? error;
  }
}

/** Throws `ConfigError` for a file that is none of ours: there is nothing to wait for. */
function openFile(location: string): SqliteFile {
  try {
    return new SqliteFile(location);
  } catch (error) {
    const mapped = toUnavailable(error);
    if (isDamaged(error) && mapped !== undefined) throw new ConfigError([`${location}: ${mapped.message}`]);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST'].includes(code))
      throw new ConfigError([`${location}: the database cannot be made or opened there (${code})`]);
    throw mapped ?? error;
  }
}

function own(connection: DatabaseConnection): SqliteConnection {
  if (connection instanceof SqliteConnection) return connection;
  throw new Error('not a connection of this driver');
}

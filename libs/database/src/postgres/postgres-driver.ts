import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@inferry/contracts';
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';
import type { Pool, PoolClient, QueryResultRow, TypeOverrides } from 'pg';
import {
  isConnectionLost,
  isServerFull,
  isStartRefused,
  storable,
  toUnavailable,
  unavailable,
} from '../failures.ts';
import { noteFailedConnection, traceQuery } from '../trace-query.ts';

/** Loaded with the first pool: an embedded system has none. */
const loadLibrary = (): typeof import('pg') => createRequire(import.meta.url)('pg');

const int8Oid = 20;
const numericOid = 1700;
const closeWaitMs = 5_000;
/** How long a query waits for a connection while the server has none left. */
const fullWaitMs = 30_000;
const growEveryMs = 5_000;
const idleInTransactionMs = 60_000;

export interface PostgresDriverOptions {
  url: string;
  maxConnections: number;
  maxWaiting: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  onError: (error: unknown) => void;
}

/** node-postgres for Kysely: a bounded pool whose every wait has an end, and errors a caller can act on. */
export class PostgresDriver implements Driver {
  readonly #pool: Pool;
  readonly #maxWaiting: number;
  readonly #onError: (error: unknown) => void;
  readonly #maxConnections: number;
  readonly #statementTimeoutMs: number;
  /** A pooler hands out connections for one transaction each: what is set for a session there is somebody else's next. */
  #isPooled = false;
  #growing: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: PostgresDriverOptions) {
    this.#maxConnections = options.maxConnections;
    this.#statementTimeoutMs = options.statementTimeoutMs;
    this.#onError = options.onError;
    this.#maxWaiting = options.maxWaiting;
    const { Pool } = loadLibrary();
    this.#pool = new Pool({
      connectionString: options.url,
      application_name: 'inferry',
      max: options.maxConnections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      // What is not used is there for others soon, and so is, for a moment, what is used all the time.
      idleTimeoutMillis: 5_000,
      maxLifetimeSeconds: 60,
      statement_timeout: options.statementTimeoutMs,
      // The client's own clock, for a server that is gone without having said so.
      query_timeout: options.statementTimeoutMs + 2_000,
      idle_in_transaction_session_timeout: idleInTransactionMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: exactNumbers(),
    });
    this.#pool.on('error', this.#onError);
    // Without a listener, a connection that breaks between two queries of a transaction would end the process.
    this.#pool.on('connect', (client) => client.on('error', this.#onError));
  }

  async init(): Promise<void> {
    // The pool connects when a query needs it.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#isClosed) throw unavailable('The database is closed.');
    if (this.#pool.waitingCount >= this.#maxWaiting) {
      throw new AppError('busy', 'Too many queries wait for the database.', { retryAfterSeconds: 1 });
    }
    const startedAt = performance.now();
    const giveUpAt = Date.now() + fullWaitMs;
    for (;;) {
      const wasPooled = this.#isPooled;
      try {
        return new PostgresConnection(await this.#pool.connect(), this.#onError);
      } catch (error) {
        if (isStartRefused(error) && !wasPooled) {
          this.#setNothingForSessions();
          continue;
        }
        if (!isServerFull(error) || Date.now() > giveUpAt || this.#isClosed) {
          noteFailedConnection('postgres', startedAt);
          this.#onError(error);
          throw toUnavailable(error) ?? error;
        }
        this.#shrink();
      }
      await sleep(20 + Math.random() * 180);
    }
  }

  /** The server has no connection left: this process makes do with those that it has, and asks for more later on. */
  #shrink(): void {
    this.#pool.options.max = Math.max(1, Math.min(this.#pool.options.max, this.#pool.totalCount));
    this.#growing ??= setInterval(() => {
      this.#pool.options.max = Math.min(this.#maxConnections, this.#pool.options.max + 1);
      if (this.#pool.options.max < this.#maxConnections) return;
      clearInterval(this.#growing);
      this.#growing = undefined;
    }, growEveryMs);
    this.#growing.unref();
  }

  /** PgBouncer takes no settings of a session: transactions set theirs for themselves, the client's clock ends the rest. */
  #setNothingForSessions(): void {
    this.#isPooled = true;
    delete this.#pool.options.statement_timeout;
    delete this.#pool.options.idle_in_transaction_session_timeout;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const settings = this.#isPooled
      ? `; set local statement_timeout = ${this.#statementTimeoutMs}` +
        `; set local idle_in_transaction_session_timeout = ${idleInTransactionMs}`
      : '';
    // In one message: what a pooler needs costs no further round trip.
    await own(connection).command(`begin${settings}`);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const tag = await own(connection).command('commit');
    // Postgres answers COMMIT with ROLLBACK when a statement of the transaction had failed.
    if (tag === 'ROLLBACK') throw new Error('The transaction was aborted by a statement that failed.');
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // A transaction whose connection broke was rolled back by the server; the error of its cause is the one to show.
    await own(connection)
      .command('rollback')
      .catch(() => own(connection).discard());
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    own(connection).release();
  }

  async destroy(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#growing);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, closeWaitMs);
    await Promise.race([this.#pool.end(), promise]);
    clearTimeout(timer);
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #onError: (error: unknown) => void;
  #isBroken = false;

  constructor(client: PoolClient, onError: (error: unknown) => void) {
    this.#client = client;
    this.#onError = onError;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return traceQuery('postgres', query, async () => {
      const { command, rowCount, rows } = await this.#send(query.sql, query.parameters);
      // as: the query builder typed the row from the tables that the query names.
      const typedRows = rows as R[];
      if (command === 'SELECT' || rowCount === null) return { rows: typedRows };
      return { rows: typedRows, numAffectedRows: BigInt(rowCount) };
    });
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator, and nothing here streams.
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Streaming is not offered: ask for pages.');
  }

  async command(text: string): Promise<string> {
    return (await this.#send(text, [])).command;
  }

  discard(): void {
    this.#isBroken = true;
  }

  release(): void {
    this.#client.release(this.#isBroken);
  }

  async #send(text: string, parameters: readonly unknown[]) {
    try {
      return await this.#client.query<QueryResultRow>(text, parameters.map(storable));
    } catch (error) {
      if (isConnectionLost(error)) this.#isBroken = true;
      const mapped = toUnavailable(error);
      if (mapped !== undefined) this.#onError(error);
      throw mapped ?? error;
    }
  }
}

/** 64-bit integers and their sums as numbers, refusing those that a number cannot hold, as SQLite's driver does. */
function exactNumbers(): TypeOverrides {
  const { TypeOverrides } = loadLibrary();
  const types = new TypeOverrides();
  types.setTypeParser(int8Oid, toExactNumber);
  types.setTypeParser(numericOid, toExactNumber);
  return types;
}

function toExactNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new RangeError('An integer of the database is too large for a number.');
  }
  return value;
}

function own(connection: DatabaseConnection): PostgresConnection {
  if (connection instanceof PostgresConnection) return connection;
  throw new Error('not a connection of this driver');
}

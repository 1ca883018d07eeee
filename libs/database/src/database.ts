import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.ts';

export type Dialect = 'sqlite' | 'postgres';

/** Typed queries run against a database or inside one of its transactions alike. */
export type Queries = Kysely<Schema> | Transaction<Schema>;

export interface SchemaState {
  /** No table of ours, and none of anybody else's. */
  isEmpty: boolean;
  /** Migrations of this release that the database does not have. */
  missing: string[];
}

/** One handle for SQLite (a file) and Postgres; both pass the same contract suite. */
export interface Database {
  readonly dialect: Dialect;
  readonly queries: Kysely<Schema>;
  /**
   * Runs `work` in one transaction. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`); on Postgres it is
   * `read committed`, repeated (at most three times, with jitter) on a serialisation failure or deadlock.
   */
  transaction<T>(work: (queries: Transaction<Schema>) => Promise<T>): Promise<T>;
  /** Brings the schema up to date; forward only, safe when several replicas start at once. */
  migrate(): Promise<void>;
  /** What `migrate` would do, changing nothing. */
  schemaState(): Promise<SchemaState>;
  /** Rejects with `unavailable` when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

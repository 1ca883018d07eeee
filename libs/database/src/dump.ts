/** A whole database as rows, as they were at one moment, and back into an empty one; both kinds of database alike. */
import { ConfigError } from '@inferry/contracts';
import { CompiledQuery, sql, type Transaction } from 'kysely';
import type { Database } from './database.ts';
import { migrations } from './migrations.ts';
import { openDatabase } from './open-database.ts';
import type { Schema } from './schema.ts';

export type DumpRow = Record<string, string | number | null>;

/** What is read while nothing that others write is seen. */
export interface Dump {
  /** Names of the migrations that made the tables, oldest first. */
  migrations: string[];
  tables: string[];
  rows(table: string): AsyncIterable<DumpRow>;
}

const rowsAtOnce = 1_000;
/** Values in one statement: SQLite takes 32,766, Postgres 65,535. */
const valuesAtOnce = 30_000;
/** Tables that rows of others name, by what the migrations say: they are filled first. */
const parents: readonly string[] = [
  ...new Set(
    migrations
      .flatMap(({ up }) => up('sqlite'))
      .flatMap((statement) => [...statement.matchAll(/ references (\w+)/g)].map(([, table = '']) => table)),
  ),
];

/** Runs `work` on everything in the database as it is now. On SQLite nobody writes meanwhile. */
export function dumpDatabase<T>(database: Database, work: (dump: Dump) => Promise<T>): Promise<T> {
  return database.transaction(async (queries) => {
    if (database.dialect === 'postgres') {
      await sql`set transaction isolation level repeatable read, read only`.execute(queries);
      await sql`set local statement_timeout = '10min'`.execute(queries);
    }
    const names = await read(queries, `select id as name from migrations order by id`);
    return work({
      migrations: names,
      tables: await tablesOf(queries, database),
      rows: (table) =>
        database.dialect === 'postgres' ? fetchRows(queries, table) : pageRows(queries, table),
    });
  });
}

async function read(queries: Transaction<Schema>, text: string): Promise<string[]> {
  const { rows } = await queries.executeQuery(CompiledQuery.raw(text));
  // as: the statements below name that one column.
  return (rows as { name: string }[]).map(({ name }) => name);
}

async function tablesOf(queries: Transaction<Schema>, { dialect }: Database): Promise<string[]> {
  const found = await read(
    queries,
    dialect === 'postgres'
      ? "select table_name as name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'"
      : "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
  );
  const own = found.filter((name) => name !== 'migrations').sort();
  return [...parents.filter((name) => own.includes(name)), ...own.filter((name) => !parents.includes(name))];
}

async function* fetchRows(queries: Transaction<Schema>, table: string): AsyncGenerator<DumpRow> {
  await sql`declare dumped cursor for select * from ${sql.table(table)}`.execute(queries);
  for (;;) {
    const { rows } = await sql<DumpRow>`fetch ${sql.raw(String(rowsAtOnce))} from dumped`.execute(queries);
    yield* rows;
    if (rows.length < rowsAtOnce) break;
  }
  await sql`close dumped`.execute(queries);
}

async function* pageRows(queries: Transaction<Schema>, table: string): AsyncGenerator<DumpRow> {
  for (let after = 0, isMore = true; isMore; ) {
    const { rows } = await sql<DumpRow & { dumped_row: number }>`
      select rowid as dumped_row, * from ${sql.table(table)} where rowid > ${after} order by rowid limit ${rowsAtOnce}`.execute(
      queries,
    );
    for (const { dumped_row: at, ...row } of rows) {
      after = at;
      yield row;
    }
    isMore = rows.length === rowsAtOnce;
  }
}

export interface LoadOptions {
  url: string;
  /**
   * Whether the system that was dumped has not run since. Else a run that waited then may have been sent meanwhile, and is
   * taken for one that was: its platform is asked before it is sent.
   */
  isStopped: boolean;
  now: number;
}

/** Fills an empty database, all of it or nothing, and brings it up to this release. Resolves with rows by table. */
export async function loadDatabase(dump: Dump, options: LoadOptions): Promise<Record<string, number>> {
  const known = new Set(migrations.map(({ id }) => id));
  const unknown = dump.migrations.filter((id) => !known.has(id));
  if (unknown.length > 0)
    throw new ConfigError([
      `the backup is of a newer release: it has ${unknown.join(', ')}. Use that release.`,
    ]);
  const wanted = new Set(dump.migrations);
  const asOfThen = openDatabase({
    url: options.url,
    migrations: migrations.filter(({ id }) => wanted.has(id)),
    statementTimeoutMs: 600_000,
  });
  try {
    const { isEmpty } = await asOfThen.schemaState();
    if (!isEmpty)
      throw new ConfigError(['DATABASE_URL: the database is not empty; restore into an empty one']);
    await asOfThen.migrate();
    return await asOfThen.transaction(async (queries) => {
      const counts: Record<string, number> = {};
      for (const table of dump.tables) {
        // Numbers that the database would give out itself are those of before.
        const isGiven = table === 'revocations' && asOfThen.dialect === 'postgres';
        counts[table] = await insertRows(queries, { table, isGiven }, dump.rows(table));
      }
      if (asOfThen.dialect === 'postgres') await continueNumbers(queries, dump.tables);
      await takeUp(queries, options);
      return counts;
    });
  } finally {
    await asOfThen.close();
  }
}

async function insertRows(
  queries: Transaction<Schema>,
  { table, isGiven }: { table: string; isGiven: boolean },
  rows: AsyncIterable<DumpRow>,
): Promise<number> {
  let count = 0;
  let batch: DumpRow[] = [];
  const write = async () => {
    const [first] = batch;
    if (first === undefined) return;
    const columns = Object.keys(first);
    const values = batch.map(
      (row) => sql`(${sql.join(columns.map((column) => sql`${row[column] ?? null}`))})`,
    );
    const names = sql.join(columns.map((column) => sql.ref(column)));
    const given = isGiven ? sql`overriding system value` : sql``;
    await sql`insert into ${sql.table(table)} (${names}) ${given} values ${sql.join(values)}`.execute(
      queries,
    );
    count += batch.length;
    batch = [];
  };
  for await (const row of rows) {
    batch.push(row);
    if (batch.length * Object.keys(row).length > valuesAtOnce || batch.length === rowsAtOnce) await write();
  }
  await write();
  return count;
}

/** The next number of a column that counts is after those that came with the dump. */
async function continueNumbers(queries: Transaction<Schema>, tables: readonly string[]): Promise<void> {
  if (!tables.includes('revocations')) return;
  await sql`select setval(pg_get_serial_sequence('revocations', 'seq'), coalesce((select max(seq) from revocations), 0) + 1, false)`.execute(
    queries,
  );
}

/** Nobody holds a lease here, and everything that has not ended is due, but what waits for its turn in a batch. */
async function takeUp(queries: Transaction<Schema>, { isStopped, now }: LoadOptions): Promise<void> {
  await sql`update runs set lease_owner = null, lease_until = null, version = version + 1,
      next_poll_at = case when phase = 'queued' and next_poll_at is null then null else cast(${now} as bigint) end
    where phase <> 'done'`.execute(queries);
  if (isStopped) return;
  await sql`update runs set phase = 'submitting', submitted_at = ${now}, next_poll_at = ${now} where phase in ('queued', 'submitting')`.execute(
    queries,
  );
}

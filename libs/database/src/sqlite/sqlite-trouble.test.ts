/** What becomes of a SQLite file that has no room, is locked, is damaged, or is another program's. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError, ConfigError } from '@inferry/contracts';
import { CompiledQuery } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Database } from '../database.ts';
import { openDatabase } from '../open-database.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-database-'));
  file = join(folder, 'inferry.db');
});
afterEach(() => rm(folder, { recursive: true }));

async function openMigrated(): Promise<Database> {
  const database = openDatabase({ url: `sqlite:${file}` });
  onTestFinished(() => database.close());
  await database.migrate();
  return database;
}

const add = (database: Database, grant: string) =>
  database.transaction((queries) =>
    queries.insertInto('revocations').values({ grant_id: grant, at: 1 }).execute(),
  );
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const runSql = (database: Database, text: string) => database.queries.executeQuery(CompiledQuery.raw(text));

describe('a disk without room', () => {
  async function fill(database: Database): Promise<void> {
    await runSql(database, 'pragma max_page_count = 1');
    for (let index = 0; index < 100; index += 1) {
      const error = await failureOf(add(database, 'x'.repeat(4_000)));
      if (error !== undefined) return;
    }
    throw new Error('it has no limit');
  }

  it('is said to callers and to /readyz, and is over when there is room', async () => {
    const database = await openMigrated();
    await fill(database);

    const error = await failureOf(add(database, 'x'.repeat(100_000)));
    await database.transaction((queries) =>
      queries.deleteFrom('revocations').where('grant_id', '=', 'nobody').execute(),
    );
    const whileFull = await failureOf(database.ping());
    await runSql(database, 'pragma max_page_count = 1000000');
    await database.ping();
    await add(database, 'later');

    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('disk of the database is full'),
    });
    expect(whileFull).toMatchObject({ code: 'unavailable', message: expect.stringContaining('full') });
    const rows = await database.queries.selectFrom('revocations').select('grant_id').execute();
    expect(rows.at(-1)).toEqual({ grant_id: 'later' });
  });

  it('is said for as long as the system refuses to write', async () => {
    const database = await openMigrated();
    await add(database, 'before');
    const limitFiles = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);

    limitFiles('0');
    const failures = await Promise.all(
      [add(database, 'x'), database.queries.deleteFrom('revocations').execute()].map(failureOf),
    );
    const pings = [await failureOf(database.ping()), await failureOf(database.ping())];
    limitFiles('unlimited');
    await database.ping();
    await add(database, 'after');

    for (const failure of [...failures, ...pings]) {
      expect(failure).toMatchObject({ code: 'unavailable', message: expect.stringContaining('full') });
    }
    const rows = await database.queries.selectFrom('revocations').select('grant_id').execute();
    expect(rows).toEqual([{ grant_id: 'before' }, { grant_id: 'after' }]);
  });

  it('leaves what is there to be read', async () => {
    const database = await openMigrated();
    await add(database, 'kept');
    await fill(database);

    expect((await database.queries.selectFrom('revocations').selectAll().execute()).length).toBeGreaterThan(
      0,
    );
  });
});

describe('a file that another program has locked', () => {
  it('answers writes when four seconds have passed, however many wait, and reads at once', async () => {
    const database = await openMigrated();
    const other = new DatabaseSync(file);
    onTestFinished(() => other.close());
    other.exec('begin immediate');
    // The clock of the waits is moved by hand; the pauses between two tries stay real.
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());

    const waiting = Promise.all(['a', 'b', 'c'].map((grant) => failureOf(add(database, grant))));
    await vi.advanceTimersByTimeAsync(4_000);
    const failures = await waiting;

    for (const failure of failures) expect(failure).toMatchObject({ code: 'unavailable' });
    expect(failures[0]).toMatchObject({ message: expect.stringContaining('locked by another program') });
    expect(await database.queries.selectFrom('revocations').selectAll().execute()).toEqual([]);
    other.exec('rollback');
    await add(database, 'now');
  });
});

describe('a file that is not ours', () => {
  async function startOf(): Promise<unknown> {
    try {
      const database = openDatabase({ url: `sqlite:${file}` });
      onTestFinished(() => database.close());
      await database.migrate();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  it('is refused in a sentence when it is no database', async () => {
    await writeFile(file, 'Dear diary, '.repeat(1_000));

    const error = await startOf();

    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(
      /inferry\.db: The file of the database is damaged or is no database: put a backup/,
    );
  });

  it('is refused in a sentence when its pages are damaged', async () => {
    const database = openDatabase({ url: `sqlite:${file}` });
    await database.migrate();
    await runSql(database, 'pragma wal_checkpoint(truncate)');
    await database.close();
    const page = Buffer.alloc(4_096, 0xa5);
    const { open } = await import('node:fs/promises');
    const handle = await open(file, 'r+');
    const { size } = await handle.stat();
    for (let at = 4_096; at < size; at += 2 * 4_096) await handle.write(page, 0, page.length, at);
    await handle.close();

    const error = await startOf();

    expect(error).toBeInstanceOf(Error);
    expect(error instanceof ConfigError || error instanceof AppError).toBe(true);
    expect(String(error)).toMatch(/damaged|another program/);
  });

  it('is refused in a sentence when it is another program’s', async () => {
    const other = new DatabaseSync(file);
    other.exec('create table diary (day text)');
    other.close();

    expect(String(await startOf())).toContain('belongs to another program: it has a table diary');
  });

  it('is refused in a sentence when another program migrates it', async () => {
    const other = new DatabaseSync(file);
    other.exec('create table migrations (version integer)');
    other.close();

    expect(String(await startOf())).toContain('its table of migrations is not ours');
  });

  it('is refused in a sentence when its folder is a file', async () => {
    await writeFile(join(folder, 'home'), '');
    file = join(folder, 'home', 'inferry.db');

    expect(await startOf()).toBeInstanceOf(ConfigError);
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeDatabase } from '../contract-suite.ts';
import { openDatabase } from '../open-database.ts';

const run = promisify(execFile);

describeDatabase('SQLite in a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inferry-database-'));
  return {
    url: `sqlite:${join(folder, 'inferry.db')}`,
    open: (options) => openDatabase({ url: `sqlite:${join(folder, 'inferry.db')}`, ...options }),
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('a SQLite file', () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'inferry-database-'));
    file = join(folder, 'home', 'inferry.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is asked for so many rows by an expression, since it would plan a bare parameter anew at each use', async () => {
    const database = openDatabase({ url: `sqlite:${file}` });

    const { sql } = database.queries.selectFrom('runs').select('run_id').limit(3).compile();

    expect(sql).toBe('select "run_id" from "runs" limit ? + 0');
    await database.close();
  });

  it('is made with its folder, for its owner alone', async () => {
    const database = openDatabase({ url: `sqlite:${file}` });
    await database.migrate();

    const modes = await Promise.all([file, `${file}-wal`, join(folder, 'home')].map((path) => stat(path)));

    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['600', '600', '700']);
    await database.close();
  });

  it('is migrated and written by two processes at once', async () => {
    const source = new URL('../index.ts', import.meta.url).href;
    const script = `
      const { openDatabase } = await import(${JSON.stringify(source)});
      const database = openDatabase({ url: ${JSON.stringify(`sqlite:${file}`)} });
      await database.migrate();
      for (let index = 0; index < 100; index++) {
        await database.transaction(async (queries) => {
          await queries.insertInto('revocations').values({ grant_id: String(process.pid), at: index }).execute();
          await new Promise((resolve) => setTimeout(resolve, 1));
        });
      }
      await database.close();`;
    const start = () => run(process.execPath, ['--input-type=module', '-e', script], { timeout: 18_000 });

    await Promise.all([start(), start()]);

    const database = openDatabase({ url: `sqlite:${file}` });
    const rows = await database.queries.selectFrom('revocations').select(['grant_id', 'at']).execute();
    await database.close();
    expect(rows).toHaveLength(200);
    expect(new Set(rows.map((row) => row.grant_id)).size).toBe(2);
  });

  it('keeps what was committed when it is opened again', async () => {
    const before = openDatabase({ url: `sqlite:${file}` });
    await before.migrate();
    await before.queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
    await before.close();

    const after = openDatabase({ url: `sqlite:${file}` });
    await after.migrate();
    const rows = await after.queries.selectFrom('revocations').selectAll().execute();
    await after.close();

    expect(rows).toEqual([{ seq: 1, grant_id: 'a', at: 1 }]);
  });
});

describe('SQLite in memory', () => {
  it('makes a read wait for the transaction under way, since there is one handle only', async () => {
    const database = openDatabase({ url: 'sqlite::memory:' });
    await database.migrate();
    const { promise: isWritten, resolve: written } = Promise.withResolvers<void>();
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const running = database.transaction(async (queries) => {
      await queries.insertInto('revocations').values({ grant_id: 'a', at: 1 }).execute();
      written();
      await mayEnd;
    });
    await isWritten;

    const reading = database.queries.selectFrom('revocations').selectAll().execute();
    end();
    await running;

    expect(await reading).toHaveLength(1);
    await database.close();
  });
});

describe('a database URL', () => {
  it.each(['', 'sqlite:', 'mysql://x', './file.db'])('is refused when it is %j', (url) => {
    expect(() => openDatabase({ url })).toThrow(/database URL/);
  });
});

/** Postgres behind PgBouncer, where a connection is somebody else's after each transaction, and a standby that takes over. */
import { randomBytes } from 'node:crypto';
import { type Database, openDatabase } from '@inferry/database';
import { runSql } from '@inferry/database/contract-suite';
import { createTcpProxy, startPgBouncer, startPostgres } from '@inferry/testing';
import { expect, inject, it, onTestFinished } from 'vitest';

const handles = 3;
const updates = 20;

async function openBehindPgBouncer(): Promise<{ open(statementTimeoutMs?: number): Database }> {
  const server = inject('databaseUrl');
  const name = `inferry_pooled_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ url: server, maxConnections: 1 });
  await runSql(admin.queries, `create database ${name}`);
  const bouncer = await startPgBouncer({ port: Number(new URL(server).port) }, { connections: 2 });
  const opened: Database[] = [];
  onTestFinished(async () => {
    await Promise.all(opened.map((database) => database.close()));
    await bouncer.stop();
    await runSql(admin.queries, `drop database ${name} with (force)`);
    await admin.close();
  });
  return {
    open(statementTimeoutMs) {
      const database = openDatabase({ url: bouncer.url.replace(/postgres$/, name), statementTimeoutMs });
      opened.push(database);
      return database;
    },
  };
}

it('works behind PgBouncer with two connections for three processes: nothing of a session is left to the next', async () => {
  const { open } = await openBehindPgBouncer();
  const databases = Array.from({ length: handles }, () => open());
  await Promise.all(databases.map((database) => database.migrate()));
  const [first] = databases;
  if (first === undefined) throw new Error('no database');
  await runSql(first.queries, 'create table counters (id bigint primary key, hits bigint not null)');
  await runSql(first.queries, 'insert into counters values (1, 0)');

  await Promise.all(
    databases.flatMap((database) =>
      Array.from({ length: updates }, () =>
        database.transaction(async (queries) => {
          // As the audit trail and budgets do: the lock ends with the transaction.
          await runSql(queries, 'select pg_advisory_xact_lock(7)');
          const [row] = await runSql(queries, 'select hits from counters where id = 1');
          const hits = Number(Object.values(Object(row))[0]);
          await runSql(queries, 'update counters set hits = $1 where id = 1', [hits + 1]);
        }),
      ),
    ),
  );

  expect(await runSql(first.queries, 'select hits from counters')).toEqual([{ hits: handles * updates }]);
  expect(await runSql(first.queries, 'show statement_timeout')).toEqual([{ statement_timeout: '0' }]);
  const held = "select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 7";
  expect(await runSql(first.queries, held)).toEqual([{ n: 0 }]);
});

it('ends what takes too long behind PgBouncer, in a transaction and outside of one', async () => {
  const { open } = await openBehindPgBouncer();
  const database = open(300);

  const inside = database.transaction((queries) => runSql(queries, 'select pg_sleep(600)'));
  await expect(inside).rejects.toMatchObject({ code: 'unavailable' });
  const outside = runSql(database.queries, 'select pg_sleep(600)');
  await expect(outside).rejects.toMatchObject({ code: 'unavailable' });

  await expect(database.ping()).resolves.toBeUndefined();
});

it('goes on with the standby once it is promoted, with everything that was confirmed', async () => {
  const primary = await startPostgres({
    settings: ['synchronous_commit=on', 'synchronous_standby_names=*'],
  });
  onTestFinished(() => primary.stop());
  const standby = await startPostgres({ standbyOf: primary });
  onTestFinished(() => standby.stop());
  const address = { port: primary.port };
  const front = await createTcpProxy(address);
  onTestFinished(() => front.close());
  const database = openDatabase({ url: primary.url.replace(String(primary.port), String(front.port)) });
  onTestFinished(() => database.close());
  await database.migrate();
  const confirmed: number[] = [];
  const write = async (at: number) => {
    const row = { grant_id: `grant-${at}`, at };
    await database.queries.insertInto('revocations').values(row).execute();
    confirmed.push(at);
  };
  for (let at = 0; at < 20; at += 1) await write(at);

  // The address leads to the standby before that is told to take over.
  await primary.kill();
  address.port = standby.port;
  front.reset();
  // It has all that was confirmed, and may not have got to it yet.
  const standsBy = 'The database takes no writes now: it is a standby.';
  await expect.poll(() => outcomeOf(database.ping())).toBe(standsBy);
  await expect.poll(() => outcomeOf(write(21))).toBe(standsBy);
  const operator = openDatabase({ url: standby.url, maxConnections: 1 });
  onTestFinished(() => operator.close());
  await runSql(operator.queries, 'select pg_promote()');

  await expect.poll(() => outcomeOf(write(22))).toBe('done');
  await expect.poll(() => outcomeOf(database.ping())).toBe('done');
  const rows = await database.queries.selectFrom('revocations').select('at').orderBy('at').execute();
  expect(rows.map(({ at }) => Number(at))).toEqual(expect.arrayContaining(confirmed));
});

async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@inferry/database';
import { type DatabaseUnderTest, describeDatabase, runSql } from '@inferry/database/contract-suite';
import { createTcpProxy, type LocalServer, startPostgres, type TcpProxy, waitFor } from '@inferry/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

type Handle = ReturnType<typeof openDatabase>;

function urlOf(serverUrl: string, parts: { database?: string; port?: number }): string {
  const url = new URL(serverUrl);
  if (parts.database !== undefined) url.pathname = `/${parts.database}`;
  if (parts.port !== undefined) url.port = String(parts.port);
  return url.href;
}

async function createDatabase(serverUrl: string): Promise<DatabaseUnderTest> {
  const name = `inferry_test_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ url: serverUrl, maxConnections: 1 });
  await runSql(admin.queries, `create database ${name}`);
  return {
    url: urlOf(serverUrl, { database: name }),
    open: (options) => openDatabase({ url: urlOf(serverUrl, { database: name }), ...options }),
    async remove() {
      await runSql(admin.queries, `drop database ${name} with (force)`);
      await admin.close();
    },
  };
}

describeDatabase('Postgres', () => createDatabase(inject('databaseUrl')));

describe('Postgres', () => {
  let underTest: DatabaseUnderTest;
  let handles: Handle[];
  const errors: unknown[] = [];

  function open(options: Parameters<DatabaseUnderTest['open']>[0] = {}): Handle {
    const handle = underTest.open({ onError: (error) => errors.push(error), ...options });
    handles.push(handle);
    return handle;
  }

  beforeEach(async () => {
    underTest = await createDatabase(inject('databaseUrl'));
    handles = [];
    errors.length = 0;
  });
  afterEach(async () => {
    await Promise.all(handles.map((handle) => handle.close()));
    await underTest.remove();
  });

  it('repeats a transaction that lost a deadlock', async () => {
    const database = open();
    await runSql(database.queries, 'create table pairs (id bigint primary key, hits bigint not null)');
    await runSql(database.queries, 'insert into pairs values (1, 0), (2, 0)');
    const attempts = { count: 0, holding: 0 };
    const touch = (first: number, second: number) =>
      database.transaction(async (queries) => {
        attempts.count += 1;
        await runSql(queries, 'update pairs set hits = hits + 1 where id = $1', [first]);
        // Neither asks for its second row before both have their first.
        attempts.holding += 1;
        await waitFor(() => attempts.holding >= 2);
        await runSql(queries, 'update pairs set hits = hits + 1 where id = $1', [second]);
      });

    await Promise.all([touch(1, 2), touch(2, 1)]);

    const rows = await runSql(database.queries, 'select sum(hits) as hits from pairs');
    expect(rows).toEqual([{ hits: 4 }]);
    expect(attempts.count).toBe(3);
  });

  it('ends a statement that takes too long with unavailable, and goes on with the connection', async () => {
    const database = open({ statementTimeoutMs: 100, maxConnections: 1 });

    await expect(runSql(database.queries, 'select pg_sleep(5)')).rejects.toMatchObject({
      code: 'unavailable',
    });

    await expect(database.ping()).resolves.toBeUndefined();
  });

  it('answers unavailable when no connection of the pool becomes free in time', async () => {
    const database = open({ maxConnections: 1, connectTimeoutMs: 100 });
    const busy = runSql(database.queries, 'select pg_sleep(0.5)');

    const outcome = runSql(database.queries, 'select 1');

    await expect(outcome).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: expect.any(Number),
    });
    await busy;
  });

  it('answers busy when too many queries wait for a connection', async () => {
    const database = open({ maxConnections: 1, maxWaiting: 3 });
    const queries = Array.from({ length: 6 }, () => runSql(database.queries, 'select 1 as one'));

    const outcomes = await Promise.allSettled(queries);

    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'busy' } });
  });

  it('survives the end of an idle connection and of one in the middle of a transaction', async () => {
    const database = open({ maxConnections: 2 });
    const other = open({ maxConnections: 1 });
    await runSql(database.queries, 'select 1');
    const killAll =
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()' +
      ' and pid <> pg_backend_pid()';

    const outcome = database.transaction(async (queries) => {
      await runSql(other.queries, killAll);
      await waitFor(() => errors.length > 0, { what: 'the connection to be told of its end' });
      await runSql(queries, 'select 1');
    });

    await expect(outcome).rejects.toMatchObject({ code: 'unavailable' });
    await waitFor(() => database.ping().then(() => true));
  });

  it('runs many more queries at once than it has connections', async () => {
    const database = open({ maxConnections: 3 });

    const results = await Promise.all(
      Array.from({ length: 300 }, () => runSql(database.queries, 'select 1 as one')),
    );

    expect(results).toHaveLength(300);
    const rows = await runSql(
      database.queries,
      "select count(*) as count from pg_stat_activity where datname = current_database() and application_name = 'inferry'",
    );
    expect(rows).toEqual([{ count: 3 }]);
  });
});

describe('Postgres behind a bad network', () => {
  let server: LocalServer;
  let proxy: TcpProxy;
  let database: Handle;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await createTcpProxy({ port: server.port });
    database = openDatabase({
      url: urlOf(server.url, { port: proxy.port }),
      connectTimeoutMs: 500,
      statementTimeoutMs: 500,
      pingTimeoutMs: 300,
    });
  });
  afterEach(async () => {
    await database.close();
    await proxy.close();
  });

  it('answers unavailable while the server is gone and recovers when it is back', async () => {
    await database.ping();

    await server.kill();
    const whileGone = await database.ping().catch((error: unknown) => error);
    const alsoGone = await database.transaction(async () => 1).catch((error: unknown) => error);
    await server.restart();

    expect(whileGone).toMatchObject({ code: 'unavailable', retryAfterSeconds: expect.any(Number) });
    expect(alsoGone).toMatchObject({ code: 'unavailable', retryAfterSeconds: expect.any(Number) });
    await waitFor(() => database.ping().then(() => true), { what: 'the database to answer again' });
  });

  it('answers unavailable after its time-outs while the link swallows everything', async () => {
    await database.ping();
    proxy.blackhole();

    const [ping, query] = await Promise.allSettled([database.ping(), runSql(database.queries, 'select 1')]);

    expect(ping).toMatchObject({ reason: { code: 'unavailable' } });
    expect(query).toMatchObject({ reason: { code: 'unavailable' } });
  });

  it('recovers from a reset of every connection', async () => {
    await Promise.all([database.ping(), database.ping()]);

    proxy.reset();

    await waitFor(() => database.ping().then(() => true), { what: 'the database to answer again' });
  });

  it('does not hang in close when the link swallows everything', async () => {
    await database.ping();
    proxy.blackhole();
    const hanging = runSql(database.queries, 'select 1').catch(() => undefined);
    await sleep(10);

    await expect(database.close()).resolves.toBeUndefined();
    await hanging;
  });
});

it('answers unavailable for a server that never was there', async () => {
  const database = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' });

  await expect(database.ping()).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });

  await database.close();
});

/** More processes than Postgres has connections for: they make do with what there is, and nothing fails for it. */
import { openDatabase } from '@inferry/database';
import { startPostgres } from '@inferry/testing';
import { expect, it, onTestFinished } from 'vitest';

const pools = 10;
const works = 60;

it('ten pools of ten work on a server that takes twenty connections', async () => {
  const server = await startPostgres({ maxConnections: 20 });
  onTestFinished(() => server.stop());
  const databases = Array.from({ length: pools }, () =>
    openDatabase({ url: server.url, maxConnections: 10 }),
  );
  onTestFinished(async () => {
    await Promise.all(databases.map((database) => database.close()));
  });
  await Promise.all(databases.map((database) => database.migrate()));

  const outcomes = await Promise.allSettled(
    databases.flatMap((database, pool) =>
      Array.from({ length: works }, (_, index) =>
        database.transaction((queries) =>
          queries
            .insertInto('revocations')
            .values({ grant_id: `${pool}/${index}`, at: index })
            .execute(),
        ),
      ),
    ),
  );

  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  const [first] = databases;
  const rows = await first?.queries.selectFrom('revocations').select('grant_id').execute();
  expect(rows).toHaveLength(pools * works);
}, 60_000);

it('a process that comes late gets its connection from those that have them all', async () => {
  const server = await startPostgres({ maxConnections: 10 });
  onTestFinished(() => server.stop());
  const early = openDatabase({ url: server.url, maxConnections: 10 });
  onTestFinished(() => early.close());
  await early.migrate();
  const stop = new AbortController();
  const busy = Promise.all(
    Array.from({ length: 20 }, async () => {
      while (!stop.signal.aborted) await early.queries.selectFrom('runs').select('run_id').execute();
    }),
  );
  const late = openDatabase({ url: server.url, maxConnections: 10 });
  onTestFinished(() => late.close());

  await late.transaction((queries) => queries.selectFrom('runs').select('run_id').execute());

  stop.abort();
  await busy;
}, 90_000);

import { randomBytes } from 'node:crypto';
import { type Database, openDatabase, setBudget } from '@inferry/database';
import { runSql } from '@inferry/database/contract-suite';
import { describeRunQueries } from '@inferry/database/runs-contract-suite';
import { defaultTimings, verifyLedger } from '@inferry/inference-poller';
import { createWorld } from '@inferry/inference-poller/testing/world';
import { expect, inject, it } from 'vitest';

async function createDatabase(): Promise<{ url: string; remove(): Promise<void> }> {
  const url = new URL(inject('databaseUrl'));
  const name = `inferry_test_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ url: url.href, maxConnections: 1 });
  await runSql(admin.queries, `create database ${name}`);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async remove() {
      await runSql(admin.queries, `drop database ${name} with (force)`);
      await admin.close();
    },
  };
}

describeRunQueries('queries of runs on Postgres', async () => {
  const { url, remove } = await createDatabase();
  return { database: openDatabase({ url }), remove };
});

it('starts ten of fifty runs that reach three replicas at once, when the budget is for ten', async () => {
  const { url, remove } = await createDatabase();
  const world = await createWorld(url);
  const databases = Array.from({ length: 3 }, () => openDatabase({ url }));
  try {
    for (const database of databases) await world.addReplica({ database });
    const budget = { subject: 'alice', period: 'day', currency: 'USD', limitMicros: 5_000_000 } as const;
    await setBudget(world.database.queries, budget);

    const replies = await Promise.all(
      Array.from({ length: 50 }, () => world.run({ wait_seconds: 0 }, { timeoutMs: 60_000 })),
    );

    const codes = replies.map(({ error, run }) => error?.code ?? run?.status);
    expect(codes.filter((code) => code === 'budget_exceeded')).toHaveLength(40);
    expect(replies.filter(({ run }) => run !== undefined)).toHaveLength(10);
    expect(await verifyLedger(world.database)).toMatchObject({
      ...{ runs: 10, examples: [], isGuarded: true },
      totals: [{ currency: 'USD', charged: 0, held: 5 }],
    });
  } finally {
    await world.close();
    await Promise.all(databases.map((database) => database.close()));
    await remove();
  }
}, 120_000);

/** The same database; each statement is counted, those that begin and end a transaction with them. */
function counted(database: Database, onStatement: () => void): Database {
  const plugin: Parameters<Database['queries']['withPlugin']>[0] = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      onStatement();
      return result;
    },
  };
  return {
    ...database,
    queries: database.queries.withPlugin(plugin),
    transaction(work) {
      onStatement();
      onStatement();
      return database.transaction((queries) => work(queries.withPlugin(plugin)));
    },
  };
}

it('takes a run ten statements from its call to its answer, and nothing looks where nothing waits', async () => {
  const { url, remove } = await createDatabase();
  const world = await createWorld(url);
  let statements = 0;
  const database = counted(world.database, () => {
    statements += 1;
  });
  // What is done from time to time is nothing that a run costs.
  const never = 24 * 3_600_000;
  const timings = { ...defaultTimings, tickMs: never, rereadMs: never, upkeepMs: never, renewMs: never };
  try {
    world.platform.endsAs = {
      ...{ status: 'succeeded', upstreamStatus: 'COMPLETED' },
      charged: { amount: 0.07, currency: 'USD' },
    };
    await world.addReplica({ database, timings });
    await world.addReplica({ database, timings });
    for (let count = 0; count < 4; count += 1) await world.run();
    statements = 0;

    for (let count = 0; count < 20; count += 1) expect((await world.run()).run?.status).toBe('succeeded');

    expect(statements / 20).toBeLessThanOrEqual(10);
  } finally {
    await world.close();
    await remove();
  }
}, 120_000);

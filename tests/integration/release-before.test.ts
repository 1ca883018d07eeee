/** The statements of the release before on Postgres, with its rows in every table, before and after this one's changes. */
import { openDatabase } from '@inferry/database';
import { runSql } from '@inferry/database/contract-suite';
import { expect, inject, it, onTestFinished } from 'vitest';
import { fill, migrationsOf, readRelease, tryAll } from '../releases/statements.ts';
import { newDatabase } from './support/new-database.ts';

it('takes the changes of this release while replicas of the one before go on', async () => {
  const before = readRelease('0.2.0');
  const { url, database, remove } = await newDatabase(inject('databaseUrl'));
  onTestFinished(remove);
  const old = openDatabase({ url, migrations: migrationsOf(before) });
  onTestFinished(() => old.close());
  await old.migrate();
  await fill(old, before.statements.postgres);
  const worked = await tryAll(old, before.statements.postgres);
  onTestFinished(() => database.close());

  await database.migrate();
  const works = await tryAll(old, before.statements.postgres);

  expect([...works].filter(([sql, why]) => worked.get(sql) !== why)).toEqual([]);
  expect(worked.size).toBeLessThan(before.statements.postgres.length / 5);
  // A replica of the release before that restarts starts again.
  await old.migrate();
  expect((await runSql(old.queries, 'select count(*)::int as n from runs')).length).toBe(1);
});

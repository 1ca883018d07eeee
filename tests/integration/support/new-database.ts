import { randomBytes } from 'node:crypto';
import { type Database, openDatabase } from '@inferry/database';
import { runSql } from '@inferry/database/contract-suite';

/** An empty database of its own on a server, and how to be rid of it. */
export async function newDatabase(
  serverUrl: string,
): Promise<{ url: string; database: Database; remove(): Promise<void> }> {
  const url = new URL(serverUrl);
  const name = `inferry_test_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ url: url.href, maxConnections: 1 });
  await runSql(admin.queries, `create database ${name}`);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    database: openDatabase({ url: url.href }),
    async remove() {
      await runSql(admin.queries, `drop database ${name} with (force)`);
      await admin.close();
    },
  };
}

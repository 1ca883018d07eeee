import { randomBytes } from 'node:crypto';
import { openDatabase } from '@inferry/database';
import { describeAssetQueries } from '@inferry/database/assets-contract-suite';
import { runSql } from '@inferry/database/contract-suite';
import { describeWrapperQueries } from '@inferry/database/wrappers-contract-suite';
import { inject } from 'vitest';

async function createOnPostgres() {
  const url = new URL(inject('databaseUrl'));
  const name = `inferry_test_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ url: url.href, maxConnections: 1 });
  await runSql(admin.queries, `create database ${name}`);
  url.pathname = `/${name}`;
  return {
    database: openDatabase({ url: url.href }),
    async remove() {
      await runSql(admin.queries, `drop database ${name} with (force)`);
      await admin.close();
    },
  };
}

describeWrapperQueries('queries of wrappers on Postgres', createOnPostgres);
describeAssetQueries('queries of the asset library on Postgres', createOnPostgres);

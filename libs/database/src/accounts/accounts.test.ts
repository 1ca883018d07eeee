import { openDatabase } from '../open-database.ts';
import { describeAccountQueries } from './contract-suite.ts';

describeAccountQueries('queries of accounts on SQLite', async () => ({
  database: openDatabase({ url: 'sqlite::memory:' }),
  remove: async () => undefined,
}));

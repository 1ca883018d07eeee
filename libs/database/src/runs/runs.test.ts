import { openDatabase } from '../open-database.ts';
import { describeRunQueries } from './contract-suite.ts';

describeRunQueries('queries of runs on SQLite', async () => ({
  database: openDatabase({ url: 'sqlite::memory:' }),
  remove: async () => undefined,
}));

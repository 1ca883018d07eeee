import { openDatabase } from '../open-database.ts';
import { describeWrapperQueries } from './contract-suite.ts';

describeWrapperQueries('queries of wrappers on SQLite', async () => ({
  database: openDatabase({ url: 'sqlite::memory:' }),
  remove: async () => undefined,
}));

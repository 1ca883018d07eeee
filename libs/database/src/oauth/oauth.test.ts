import { openDatabase } from '../open-database.ts';
import { describeOAuthQueries } from './contract-suite.ts';

describeOAuthQueries('queries of the authorization server on SQLite', async () => ({
  database: openDatabase({ url: 'sqlite::memory:' }),
  remove: async () => undefined,
}));

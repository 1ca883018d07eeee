import { openDatabase } from '../open-database.ts';
import { describeAssetQueries } from './contract-suite.ts';

describeAssetQueries('queries of the asset library on SQLite', async () => ({
  database: openDatabase({ url: 'sqlite::memory:' }),
  remove: async () => undefined,
}));

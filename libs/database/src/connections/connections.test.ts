import { openDatabase } from '../open-database.ts';
import { describeConnections } from './contract-suite.ts';

describeConnections('SQLite', async () => {
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  return database;
});

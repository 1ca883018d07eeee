import { describeOAuthQueries } from '@inferry/database/oauth-contract-suite';
import { inject } from 'vitest';
import { newDatabase } from '../support/new-database.ts';

describeOAuthQueries('queries of the authorization server on Postgres', () =>
  newDatabase(inject('databaseUrl')),
);

import { openDatabase } from '@inferry/database';
import { ConfigError, type Env, parseRuntimeConfig } from '@inferry/runtime';

/** `npm run migrate`: brings the database of `DATABASE_URL` up to date, as services do when they start. */
export async function migrate(_args: readonly string[], env: Env): Promise<number> {
  const { databaseUrl } = parseRuntimeConfig(env);
  if (databaseUrl === undefined)
    throw new ConfigError(['DATABASE_URL: must be set to the database to migrate']);
  const database = openDatabase({ url: databaseUrl });
  try {
    const { missing } = await database.schemaState();
    await database.migrate();
    process.stdout.write(missing.length === 0 ? 'Nothing to do.\n' : `Applied: ${missing.join(', ')}\n`);
    return 0;
  } finally {
    await database.close();
  }
}

import { createLocalKeks, type KekProvider, parseAuthConfig, readOrCreateKeyRing } from '@inferry/auth';
import { Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { ConfigError, type Env } from '@inferry/runtime';
import { parseStartConfig } from '../config.ts';
import { openHome } from '../home.ts';

export interface Store {
  database: Database;
  /** Undefined where another system's database is used and `INFERRY_SECRET` is not set. */
  secret: Secret | undefined;
  /** The vault's; undefined where `AUTH_KEKS` is not set for another system's database. */
  keks: KekProvider | undefined;
  natsUrl: string | undefined;
  close(): Promise<void>;
}

/** The database of `DATABASE_URL`, or the embedded system's: what commands beside a running system work on. */
export async function openStore(env: Env): Promise<Store> {
  const config = parseStartConfig({ ...env, HOST: '127.0.0.1' });
  const home = config.databaseUrl === undefined ? openHome(config.home, config.secret) : undefined;
  const database = await openDatabase({ url: config.databaseUrl ?? home?.databaseUrl ?? '' });
  if (home !== undefined) await database.migrate();
  else await migrateIfEmpty(database);
  const configured = config.secret === undefined ? undefined : new Secret(config.secret);
  return {
    database,
    secret: home?.secret ?? configured,
    keks:
      parseAuthConfig(env).keks ??
      (home === undefined ? undefined : createLocalKeks(readOrCreateKeyRing(home.keyRingFile))),
    natsUrl: config.natsUrl,
    close: () => database.close(),
  };
}

/** Services may be running on it: its schema is theirs to change, or that of whoever says so with `npm run migrate`. */
async function migrateIfEmpty(database: Database): Promise<void> {
  try {
    const { isEmpty, missing } = await database.schemaState();
    if (isEmpty) return await database.migrate();
    if (missing.length === 0) return;
    throw new ConfigError([
      `DATABASE_URL: the database is of an older release (it lacks ${missing.join(', ')}). Start the services of this ` +
        'release, which bring it up to date, or run npm run migrate; commands leave it as it is.',
    ]);
  } catch (error) {
    await database.close();
    throw error;
  }
}

import { runKeysCommand } from '@inferry/auth';
import { openDatabase } from '@inferry/database';
import type { Env } from '@inferry/runtime';
import { parseStartConfig } from '../config.ts';
import { openHome } from '../home.ts';

/** `npm run keys -- create|list|revoke`: API keys, in `DATABASE_URL` or in the embedded system's folder. */
export async function keys(args: readonly string[], env: Env): Promise<number> {
  const config = parseStartConfig({ ...env, HOST: '127.0.0.1' });
  const url = config.databaseUrl ?? openHome(config.home, config.secret).databaseUrl;
  const database = await openDatabase({ url });
  try {
    await database.migrate();
    return await runKeysCommand(args, { database, out: process.stdout });
  } finally {
    await database.close();
  }
}

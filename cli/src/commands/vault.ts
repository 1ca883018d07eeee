import { runVaultCommand } from '@inferry/auth';
import { type Env, speaking } from '@inferry/runtime';
import { openStore } from './open-store.ts';

/** `npm run vault -- check|rewrap`: the keys of providers that are stored encrypted. */
export async function vault(args: readonly string[], env: Env): Promise<number> {
  const { database, keks, close } = await openStore(env);
  try {
    return await runVaultCommand(args, {
      database,
      keks,
      out: process.stdout,
      err: speaking(process.stderr, env),
    });
  } finally {
    await close();
  }
}

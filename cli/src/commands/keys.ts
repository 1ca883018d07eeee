import { runKeysCommand } from '@inferry/auth';
import { type Env, speaking } from '@inferry/runtime';
import { openCommandBus } from './open-command-bus.ts';
import { openStore } from './open-store.ts';

/** `npm run keys -- create|list|revoke`: API keys, in `DATABASE_URL` or in the embedded system's folder. */
export async function keys(args: readonly string[], env: Env): Promise<number> {
  const { database, natsUrl, close } = await openStore(env);
  const bus = args[0] === 'revoke' ? await openCommandBus(natsUrl, 'keys') : undefined;
  try {
    return await runKeysCommand(args, {
      database,
      bus,
      out: process.stdout,
      err: speaking(process.stderr, env),
    });
  } finally {
    await bus?.close();
    await close();
  }
}

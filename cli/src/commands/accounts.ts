import { text } from 'node:stream/consumers';
import { runAccountsCommand } from '@inferry/auth';
import { type Env, speaking } from '@inferry/runtime';
import { openCommandBus } from './open-command-bus.ts';
import { openStore } from './open-store.ts';

/** `npm run accounts -- create|list|reset|disable|enable`: who may sign in with a browser. */
export async function accounts(args: readonly string[], env: Env): Promise<number> {
  const { database, natsUrl, close } = await openStore(env);
  const bus = args[0] === 'disable' ? await openCommandBus(natsUrl, 'accounts') : undefined;
  try {
    return await runAccountsCommand(args, {
      database,
      bus,
      out: process.stdout,
      err: speaking(process.stderr, env),
      readInput: () => text(process.stdin),
    });
  } finally {
    await bus?.close();
    await close();
  }
}

import { runOAuthCommand } from '@inferry/auth';
import { type Env, speaking } from '@inferry/runtime';
import { openCommandBus } from './open-command-bus.ts';
import { openStore } from './open-store.ts';

/** `npm run oauth -- grants|revoke|…`: what people allowed their clients, and the signing keys. */
export async function oauth(args: readonly string[], env: Env): Promise<number> {
  const { database, natsUrl, close } = await openStore(env);
  const isChange = /^re(voke|move)/.test(args[0] ?? '');
  const bus = isChange ? await openCommandBus(natsUrl, 'oauth') : undefined;
  try {
    return await runOAuthCommand(args, {
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

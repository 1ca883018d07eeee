import { text } from 'node:stream/consumers';
import { runConnectionsCommand } from '@inferry/auth';
import { openProviders } from '@inferry/providers';
import { type Env, parseRuntimeConfig, speaking } from '@inferry/runtime';
import { openCommandBus } from './open-command-bus.ts';
import { openStore } from './open-store.ts';

/** `npm run connections -- add|list|test|remove|join|leave`: keys of providers, stored for everybody, a team or a user. */
export async function connections(args: readonly string[], env: Env): Promise<number> {
  const { database, keks, natsUrl, close } = await openStore(env);
  const providers = await openProviders(parseRuntimeConfig(env).extraProviders);
  const bus = await openCommandBus(natsUrl, 'connections');
  try {
    return await runConnectionsCommand(args, {
      ...{ database, keks, providers, bus, out: process.stdout, err: speaking(process.stderr, env) },
      readInput: () => text(process.stdin),
    });
  } finally {
    await Promise.all(providers.map((provider) => provider.close()));
    await bus?.close();
    await close();
  }
}

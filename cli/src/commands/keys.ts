import { runKeysCommand } from '@inferry/auth';
import { type Bus, createBus } from '@inferry/bus';
import type { Env } from '@inferry/runtime';
import { openStore } from './open-store.ts';

/** `npm run keys -- create|list|revoke`: API keys, in `DATABASE_URL` or in the embedded system's folder. */
export async function keys(args: readonly string[], env: Env): Promise<number> {
  const { database, natsUrl, close } = await openStore(env);
  const bus = args[0] === 'revoke' ? await openBus(natsUrl) : undefined;
  try {
    return await runKeysCommand(args, { database, bus, out: process.stdout });
  } finally {
    await bus?.close();
    await close();
  }
}

/** A key must be revocable while the bus is away: the gateways then learn of it by reading. */
async function openBus(natsUrl: string | undefined): Promise<Bus | undefined> {
  if (natsUrl === undefined) return undefined;
  const { connectNats } = await import('@inferry/bus/nats');
  const transport = await connectNats({ url: natsUrl, name: 'keys' }).catch(() => undefined);
  return transport === undefined ? undefined : createBus(transport, { name: 'keys' });
}

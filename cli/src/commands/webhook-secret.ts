import { ConfigError, type Env } from '@inferry/runtime';
import { deriveSecret } from '@inferry/seals';
import { openStore } from './open-store.ts';

/** `npm run webhook-secret`: what receivers of our webhooks verify signatures with (Standard Webhooks, `whsec_`). */
export async function webhookSecret(_args: readonly string[], env: Env): Promise<number> {
  const { secret, close } = await openStore(env);
  await close();
  if (secret === undefined) throw new ConfigError(['INFERRY_SECRET: set it to that of the system']);
  const bytes = Buffer.from(deriveSecret(secret, 'webhooks').reveal(), 'base64url');
  process.stdout.write(`whsec_${bytes.toString('base64')}\n`);
  return 0;
}

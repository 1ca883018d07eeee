import { AppError } from '@inferry/contracts';
import type { PlatformClient } from '../http/index.ts';
import type { ProviderContext } from '../provider.ts';
import { Myself } from './wire.ts';

/** The account of a key. Throws `unauthorized` where the platform says that there is none. */
export async function readMyself(
  client: PlatformClient,
  fields: 'id' | 'id clientBalance',
  context: ProviderContext,
): Promise<{ clientBalance?: number | null | undefined }> {
  const query = `query { myself { ${fields} } }`;
  const call = { method: 'POST', base: 'account', json: { query } } as const;
  const { body } = await client.read(Myself, call, context);
  const myself = body.data?.myself;
  if (myself !== undefined && myself !== null) return myself;
  if (body.errors?.some(({ message }) => !/unauthor|not authenticated|forbidden/i.test(message))) {
    throw new AppError('upstream_failed', 'Runpod did not tell whose key this is.');
  }
  // A call that nobody is known for gets an answer without an account.
  throw new AppError('unauthorized', 'Runpod does not accept the key.', {
    nextAction: 'Check the key of this connection and replace it if needed.',
  });
}

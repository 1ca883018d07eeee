import { AppError } from '@inferry/contracts';
import type { Probe } from '../provider.ts';

/**
 * What a read that needs the key says of it: refused is `rejected`; anything else that fails says nothing. A key that may
 * not do this one thing (`forbidden`) is a key all the same.
 */
export async function probeWith(read: () => Promise<unknown>): Promise<Probe> {
  try {
    await read();
    return { outcome: 'ok' };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { outcome: error.code === 'unauthorized' ? 'rejected' : 'unknown' };
  }
}

import type { Handler } from '@inferry/bus';
import { AppError, type verifyPassthrough } from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { admitPassthrough, type PassthroughDeps } from '../vault/passthrough.ts';
import type { Vault } from '../vault/vault.ts';

const goodForSeconds = 60;
const badForSeconds = 30;

/** Whether a key that a caller brought along is good. Errors: `unavailable` when its platform could not be asked. */
export function handleVerifyPassthrough(
  deps: PassthroughDeps,
  vault: Vault | undefined,
): Handler<typeof verifyPassthrough> {
  return async ({ provider, sealed }) => {
    if (vault === undefined) return { principal: null, cache_seconds: badForSeconds };
    const recipient = await vault.transport();
    const key = recipient.open(sealed, purposes.passthrough(provider));
    const principal = await admitPassthrough(deps, { provider, key, sealed });
    if (principal === undefined) {
      throw new AppError('unavailable', 'The platform of this key cannot be asked now.', {
        retryAfterSeconds: 5,
      });
    }
    return { principal, cache_seconds: principal === null ? badForSeconds : goodForSeconds };
  };
}

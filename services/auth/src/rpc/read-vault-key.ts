import type { Handler } from '@inferry/bus';
import { AppError, type readVaultKey } from '@inferry/contracts';
import type { Vault } from '../vault/vault.ts';

export function handleReadVaultKey(vault: Vault | undefined): Handler<typeof readVaultKey> {
  return async () => {
    if (vault === undefined) {
      throw new AppError('forbidden', 'This deployment has no vault.', {
        nextAction: 'The operator sets AUTH_KEKS.',
      });
    }
    return { public_key: (await vault.transport()).publicKey };
  };
}

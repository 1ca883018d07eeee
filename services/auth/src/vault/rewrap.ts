import type { Database } from '@inferry/database';
import {
  listConnectionsToRewrap,
  listVaultKeys,
  replaceSealed,
  replaceVaultKeySeal,
} from '@inferry/database/connections';
import { listSigningKeys, replaceSigningKeySeal } from '@inferry/database/oauth';
import type { Vault } from './vault.ts';

const pageSize = 200;

/**
 * Puts everything that is stored under the current key-encryption key; only the wrapping of the data-encryption keys
 * changes. How many there were. It can be stopped and repeated, and runs beside the services.
 */
export async function rewrapAll(database: Database, vault: Vault): Promise<number> {
  return (
    (await rewrapConnections(database, vault)) +
    (await rewrapVaultKeys(database, vault)) +
    (await rewrapSigningKeys(database, vault))
  );
}

async function rewrapConnections({ queries }: Database, vault: Vault): Promise<number> {
  let count = 0;
  for (let after = ''; ; ) {
    const rows = await listConnectionsToRewrap(queries, { kid: vault.currentKid, after, limit: pageSize });
    for (const { connection_id: connectionId, sealed: before } of rows) {
      after = connectionId;
      const anew = before === null ? undefined : await vault.rewrap(before);
      if (anew === undefined || before === null) continue;
      if (await replaceSealed(queries, { connectionId, before, ...anew })) count += 1;
    }
    if (rows.length < pageSize) return count;
  }
}

async function rewrapVaultKeys({ queries }: Database, vault: Vault): Promise<number> {
  let count = 0;
  for (const { name, sealed } of await listVaultKeys(queries)) {
    const anew = await vault.rewrap(sealed);
    if (anew === undefined) continue;
    await replaceVaultKeySeal(queries, { name, ...anew });
    count += 1;
  }
  return count;
}

async function rewrapSigningKeys({ queries }: Database, vault: Vault): Promise<number> {
  let count = 0;
  for (const { kid, sealed: before } of await listSigningKeys(queries)) {
    const anew = await vault.rewrap(before);
    if (anew === undefined) continue;
    if (await replaceSigningKeySeal(queries, { kid, before, sealed: anew.sealed })) count += 1;
  }
  return count;
}

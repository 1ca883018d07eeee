import type { Database } from '@inferry/database';
import {
  listAllConnections,
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

/** What was stored under a key that has the right name and other bytes, as after a restore beside another AUTH_KEKS. */
export async function listUnderWrongKeys({ queries }: Database, vault: Vault): Promise<string[]> {
  const [connections, keys, signing] = await Promise.all([
    listAllConnections(queries),
    listVaultKeys(queries),
    listSigningKeys(queries),
  ]);
  const stored = [
    ...connections.map(({ connection_id: id, sealed }) => ({ name: `the connection ${id}`, sealed })),
    ...keys.map(({ name, sealed }) => ({ name: `the key pair ${name}`, sealed })),
    ...signing.map(({ kid, sealed }) => ({ name: `the signing key ${kid}`, sealed })),
  ];
  const wrong: string[] = [];
  for (const { name, sealed } of stored)
    if (sealed !== null && !(await vault.isUnderRightKey(sealed))) wrong.push(name);
  return wrong;
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

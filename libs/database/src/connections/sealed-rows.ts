import type { Queries } from '../database.ts';
import type { ConnectionRow, VaultKeyRow } from './tables.ts';

/** The ids of all key-encryption keys that stored secrets need. */
export async function listNeededKids(queries: Queries): Promise<string[]> {
  const rows = await queries
    .selectFrom('connections')
    .select('kid')
    .where('kid', 'is not', null)
    .union(queries.selectFrom('vault_keys').select('kid'))
    .execute();
  return rows.flatMap(({ kid }) => (kid === null ? [] : [kid]));
}

/** Connections whose key another key-encryption key wraps, in the order of their ids. */
export async function listConnectionsToRewrap(
  queries: Queries,
  { kid, after, limit }: { kid: string; after: string; limit: number },
): Promise<ConnectionRow[]> {
  return queries
    .selectFrom('connections')
    .selectAll()
    .where('kid', 'is not', null)
    .where('kid', '<>', kid)
    .where('connection_id', '>', after)
    .orderBy('connection_id')
    .limit(limit)
    .execute();
}

/** Replaces a sealed key unless somebody else did meanwhile. */
export async function replaceSealed(
  queries: Queries,
  change: { connectionId: string; before: string; sealed: string; kid: string },
): Promise<boolean> {
  const changed = await queries
    .updateTable('connections')
    .set({ sealed: change.sealed, kid: change.kid })
    .where('connection_id', '=', change.connectionId)
    .where('sealed', '=', change.before)
    .returning('connection_id')
    .executeTakeFirst();
  return changed !== undefined;
}

/** Adds a key pair of the vault; whoever was first is kept. */
export async function addVaultKey(queries: Queries, row: VaultKeyRow): Promise<void> {
  await queries
    .insertInto('vault_keys')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

export async function findVaultKey(queries: Queries, name: string): Promise<VaultKeyRow | undefined> {
  return queries.selectFrom('vault_keys').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listVaultKeys(queries: Queries): Promise<VaultKeyRow[]> {
  return queries.selectFrom('vault_keys').selectAll().orderBy('name').execute();
}

export async function replaceVaultKeySeal(
  queries: Queries,
  change: { name: string; sealed: string; kid: string },
): Promise<void> {
  await queries
    .updateTable('vault_keys')
    .set({ sealed: change.sealed, kid: change.kid })
    .where('name', '=', change.name)
    .execute();
}

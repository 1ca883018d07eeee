import type { Queries } from '../database.ts';
import type { OAuthClientRow } from './tables.ts';

export async function putClient(
  queries: Queries,
  {
    clientId,
    metadata,
    at,
    expiresAt,
  }: { clientId: string; metadata: string; at: number; expiresAt: number },
): Promise<void> {
  await queries
    .insertInto('oauth_clients')
    .values({ client_id: clientId, metadata, created_at: at, used_at: null, expires_at: expiresAt })
    .onConflict((conflict) => conflict.column('client_id').doUpdateSet({ metadata }))
    .execute();
}

export async function findClient(
  queries: Queries,
  { clientId, at }: { clientId: string; at: number },
): Promise<OAuthClientRow | undefined> {
  return queries
    .selectFrom('oauth_clients')
    .selectAll()
    .where('client_id', '=', clientId)
    .where('expires_at', '>', at)
    .executeTakeFirst();
}

/** Notes a use and pushes the end of the registration back; one that was noted after `unlessSince` is left. */
export async function touchClients(
  queries: Queries,
  use: { clientIds: readonly string[]; at: number; expiresAt: number; unlessSince: number },
): Promise<void> {
  if (use.clientIds.length === 0) return;
  await queries
    .updateTable('oauth_clients')
    .set({ used_at: use.at, expires_at: use.expiresAt })
    .where('client_id', 'in', [...use.clientIds])
    .where((eb) => eb.or([eb('used_at', 'is', null), eb('used_at', '<=', use.unlessSince)]))
    .execute();
}

export async function deleteClient(queries: Queries, clientId: string): Promise<void> {
  await queries.deleteFrom('oauth_clients').where('client_id', '=', clientId).execute();
}

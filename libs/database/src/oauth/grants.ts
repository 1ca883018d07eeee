import type { Transaction } from 'kysely';
import type { Dialect, Queries } from '../database.ts';
import { addRevocation } from '../keys/revocations.ts';
import type { Schema } from '../schema.ts';
import { deleteRecordsOfGrant } from './records.ts';
import type { OAuthGrantRow } from './tables.ts';

export async function insertGrant(queries: Queries, row: OAuthGrantRow): Promise<void> {
  await queries.insertInto('oauth_grants').values(row).execute();
}

/** A grant that holds at this time. */
export async function findGrant(
  queries: Queries,
  { grantId, at }: { grantId: string; at: number },
): Promise<OAuthGrantRow | undefined> {
  return queries
    .selectFrom('oauth_grants')
    .selectAll()
    .where('grant_id', '=', grantId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', at)
    .executeTakeFirst();
}

export interface GrantFilter {
  subject?: string | undefined;
  clientId?: string | undefined;
  kind?: string | undefined;
}

/** At most a thousand grants that hold at this time, the newest first. */
export async function listGrantRows(
  queries: Queries,
  { filter, at }: { filter: GrantFilter; at: number },
): Promise<OAuthGrantRow[]> {
  const { subject, clientId, kind } = filter;
  return queries
    .selectFrom('oauth_grants')
    .selectAll()
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', at)
    .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
    .$if(clientId !== undefined, (query) => query.where('client_id', '=', clientId ?? ''))
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? ''))
    .orderBy('created_at', 'desc')
    .orderBy('grant_id')
    .limit(1_000)
    .execute();
}

/**
 * Ends a grant, everything that rests on it and, by the revocation that it adds, its access tokens. The sequence number
 * of the revocation; undefined when the grant is unknown, another subject's or has ended already.
 */
export async function revokeGrantRow(
  queries: Transaction<Schema>,
  dialect: Dialect,
  { grantId, subject, at }: { grantId: string; subject?: string | undefined; at: number },
): Promise<number | undefined> {
  const revoked = await queries
    .updateTable('oauth_grants')
    .set({ revoked_at: at })
    .where('grant_id', '=', grantId)
    .where('revoked_at', 'is', null)
    .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
    .returning('grant_id')
    .executeTakeFirst();
  if (revoked === undefined) return undefined;
  await deleteRecordsOfGrant(queries, { grantId });
  await queries.deleteFrom('oauth_refreshes').where('grant_id', '=', grantId).execute();
  return addRevocation(queries, dialect, { grantId, at });
}

/** Notes a use; one that was noted after `unlessSince`, perhaps by another replica, is left. */
export async function markGrantsUsed(
  queries: Queries,
  use: { grantIds: readonly string[]; at: number; unlessSince: number },
): Promise<void> {
  if (use.grantIds.length === 0) return;
  await queries
    .updateTable('oauth_grants')
    .set({ last_used_at: use.at })
    .where('grant_id', 'in', [...use.grantIds])
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', use.unlessSince)]))
    .execute();
}

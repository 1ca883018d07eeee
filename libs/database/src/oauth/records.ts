import type { Queries } from '../database.ts';
import type { OAuthGrantRow, OAuthRecordRow } from './tables.ts';

export interface NewRecord {
  recordId: string;
  kind: string;
  grantId: string | null;
  payload: string;
  expiresAt: number;
}

/** Writes a record, or what changed of it: whether it was used, whose browser it is and its stash stay. */
export async function putRecord(queries: Queries, record: NewRecord): Promise<void> {
  const { recordId, kind, grantId, payload, expiresAt } = record;
  await queries
    .insertInto('oauth_records')
    .values({
      ...{ record_id: recordId, kind, grant_id: grantId, payload, expires_at: expiresAt },
      ...{ consumed_at: null, browser: null, stash: null },
    })
    .onConflict((conflict) =>
      conflict.column('record_id').doUpdateSet({ payload, grant_id: grantId, expires_at: expiresAt }),
    )
    .execute();
}

/** Writes a record that must not be there yet; false when it is. */
export async function addRecordOnce(queries: Queries, record: NewRecord): Promise<boolean> {
  const { recordId, kind, grantId, payload, expiresAt } = record;
  const added = await queries
    .insertInto('oauth_records')
    .values({
      ...{ record_id: recordId, kind, grant_id: grantId, payload, expires_at: expiresAt },
      ...{ consumed_at: null, browser: null, stash: null },
    })
    .onConflict((conflict) => conflict.column('record_id').doNothing())
    .returning('record_id')
    .executeTakeFirst();
  return added !== undefined;
}

export async function findRecord(
  queries: Queries,
  { recordId, at }: { recordId: string; at: number },
): Promise<OAuthRecordRow | undefined> {
  return queries
    .selectFrom('oauth_records')
    .selectAll()
    .where('record_id', '=', recordId)
    .where('expires_at', '>', at)
    .executeTakeFirst();
}

/** A record and, in the same question, the grant that it rests on if that holds. */
export async function findRecordAndGrant(
  queries: Queries,
  { recordId, at }: { recordId: string; at: number },
): Promise<{ record: OAuthRecordRow; grant: OAuthGrantRow | undefined } | undefined> {
  const row = await queries
    .selectFrom('oauth_records')
    .leftJoin('oauth_grants', (join) =>
      join
        .onRef('oauth_grants.grant_id', '=', 'oauth_records.grant_id')
        .on('oauth_grants.revoked_at', 'is', null)
        .on('oauth_grants.expires_at', '>', at),
    )
    .selectAll('oauth_records')
    .select([
      'oauth_grants.grant_id as held_grant_id',
      'oauth_grants.subject',
      'oauth_grants.display',
      'oauth_grants.client_id',
      'oauth_grants.client_name',
      'oauth_grants.kind as grant_kind',
      'oauth_grants.scopes',
      'oauth_grants.created_at',
      'oauth_grants.last_used_at',
      'oauth_grants.expires_at as grant_expires_at',
    ])
    .where('oauth_records.record_id', '=', recordId)
    .where('oauth_records.expires_at', '>', at)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { held_grant_id: grantId, subject, display, client_id, client_name, grant_kind: kind, ...rest } = row;
  const { scopes, created_at, last_used_at, grant_expires_at: expires_at, ...record } = rest;
  // The join gives all of a grant's columns or none.
  const hasGrant = grantId !== null && subject !== null && display !== null && client_id !== null;
  if (!hasGrant || client_name === null || kind === null || scopes === null)
    return { record, grant: undefined };
  if (created_at === null || expires_at === null) return { record, grant: undefined };
  const names = { grant_id: grantId, subject, display, client_id, client_name, kind, scopes };
  return { record, grant: { ...names, created_at, last_used_at, expires_at, revoked_at: null } };
}

/**
 * Uses a record up. One caller wins, however many try at once; false for the others and for one that is gone.
 * `forgetAt` is when its trace may go.
 */
export async function consumeRecord(
  queries: Queries,
  { recordId, at, forgetAt }: { recordId: string; at: number; forgetAt: number },
): Promise<boolean> {
  const consumed = await queries
    .updateTable('oauth_records')
    .set((eb) => ({
      consumed_at: at,
      expires_at: eb.case().when('expires_at', '>', forgetAt).then(forgetAt).else(eb.ref('expires_at')).end(),
    }))
    .where('record_id', '=', recordId)
    .where('consumed_at', 'is', null)
    .where('expires_at', '>', at)
    .returning('record_id')
    .executeTakeFirst();
  return consumed !== undefined;
}

export async function deleteRecord(queries: Queries, recordId: string): Promise<void> {
  await queries.deleteFrom('oauth_records').where('record_id', '=', recordId).execute();
}

/** Deletes what rests on a grant: all of it, or one kind. */
export async function deleteRecordsOfGrant(
  queries: Queries,
  { grantId, kind }: { grantId: string; kind?: string },
): Promise<void> {
  await queries
    .deleteFrom('oauth_records')
    .where('grant_id', '=', grantId)
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? ''))
    .execute();
}

/** Ties a sign-in to the browser that began it. */
export async function bindRecord(
  queries: Queries,
  { recordId, browser }: { recordId: string; browser: string },
): Promise<void> {
  await queries.updateTable('oauth_records').set({ browser }).where('record_id', '=', recordId).execute();
}

export async function writeStash(
  queries: Queries,
  { recordId, stash }: { recordId: string; stash: string | null },
): Promise<void> {
  await queries.updateTable('oauth_records').set({ stash }).where('record_id', '=', recordId).execute();
}

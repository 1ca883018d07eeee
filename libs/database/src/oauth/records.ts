import type { Queries } from '../database.ts';
import type { OAuthRecordRow } from './tables.ts';

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

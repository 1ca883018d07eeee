import type { Queries } from '../database.ts';
import type { ApiKeyRow } from '../schema.ts';

export async function insertApiKey(queries: Queries, row: ApiKeyRow): Promise<void> {
  await queries.insertInto('api_keys').values(row).execute();
}

/** The key with this SHA-256, whatever its state. */
export async function findApiKey(queries: Queries, sha256: string): Promise<ApiKeyRow | undefined> {
  return queries.selectFrom('api_keys').selectAll().where('key_sha256', '=', sha256).executeTakeFirst();
}

/** Who made a key, and for whom; undefined for an id that is no key's. */
export async function findKeyMaker(
  queries: Queries,
  keyId: string,
): Promise<Pick<ApiKeyRow, 'made_by' | 'subject'> | undefined> {
  return queries
    .selectFrom('api_keys')
    .select(['made_by', 'subject'])
    .where('key_id', '=', keyId)
    .executeTakeFirst();
}

/** How many keys of a subject open something now. */
export async function countLiveKeys(
  queries: Queries,
  { subject, at }: { subject: string; at: number },
): Promise<number> {
  const { count } = await queries
    .selectFrom('api_keys')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('subject', '=', subject)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** At most a thousand keys, the oldest first. */
export async function listApiKeys(queries: Queries, subject?: string): Promise<ApiKeyRow[]> {
  return queries
    .selectFrom('api_keys')
    .selectAll()
    .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
    .orderBy('created_at')
    .orderBy('key_id')
    .limit(1_000)
    .execute();
}

/** The key as it is now, and whether this call is the one that revoked it; undefined for an unknown id. */
export async function revokeApiKey(
  queries: Queries,
  { keyId, at }: { keyId: string; at: number },
): Promise<{ row: ApiKeyRow; isNew: boolean } | undefined> {
  const revoked = await queries
    .updateTable('api_keys')
    .set({ revoked_at: at })
    .where('key_id', '=', keyId)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (revoked !== undefined) return { row: revoked, isNew: true };
  const row = await queries.selectFrom('api_keys').selectAll().where('key_id', '=', keyId).executeTakeFirst();
  return row === undefined ? undefined : { row, isNew: false };
}

/** Notes a use of these keys; one that was noted within the last `minAgeMs`, perhaps by another replica, is left. */
export async function markApiKeysUsed(
  queries: Queries,
  use: { keyIds: readonly string[]; at: number; minAgeMs: number },
): Promise<void> {
  if (use.keyIds.length === 0) return;
  await queries
    .updateTable('api_keys')
    .set({ last_used_at: use.at })
    .where('key_id', 'in', [...use.keyIds])
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', use.at - use.minAgeMs)]))
    .execute();
}

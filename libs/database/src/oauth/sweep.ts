import type { Queries } from '../database.ts';

/**
 * Deletes at most `limit` rows of each table that ended before a time, and tells how many there were. Grants are kept
 * until `grantsBefore`, for their owners to look at.
 */
export async function sweepOAuth(
  queries: Queries,
  { before, grantsBefore, limit }: { before: number; grantsBefore: number; limit: number },
): Promise<number> {
  const records = await queries
    .deleteFrom('oauth_records')
    .where('record_id', 'in', (eb) =>
      eb.selectFrom('oauth_records').select('record_id').where('expires_at', '<=', before).limit(limit),
    )
    .executeTakeFirst();
  const refreshes = await queries
    .deleteFrom('oauth_refreshes')
    .where('request_id', 'in', (eb) =>
      eb.selectFrom('oauth_refreshes').select('request_id').where('expires_at', '<=', before).limit(limit),
    )
    .executeTakeFirst();
  const clients = await queries
    .deleteFrom('oauth_clients')
    .where('client_id', 'in', (eb) =>
      eb.selectFrom('oauth_clients').select('client_id').where('expires_at', '<=', before).limit(limit),
    )
    .executeTakeFirst();
  const grants = await queries
    .deleteFrom('oauth_grants')
    .where('grant_id', 'in', (eb) =>
      eb.selectFrom('oauth_grants').select('grant_id').where('expires_at', '<=', grantsBefore).limit(limit),
    )
    .executeTakeFirst();
  return [records, refreshes, clients, grants].reduce(
    (sum, { numDeletedRows }) => sum + Number(numDeletedRows),
    0,
  );
}

import type { Queries } from '../database.ts';
import type { OAuthSigningKeyRow } from './tables.ts';

/** Every key that was not deleted, the oldest first. */
export async function listSigningKeys(queries: Queries): Promise<OAuthSigningKeyRow[]> {
  return queries.selectFrom('oauth_signing_keys').selectAll().orderBy('generation').execute();
}

/** Adds the key of a generation; false when another replica was first. */
export async function addSigningKey(queries: Queries, row: OAuthSigningKeyRow): Promise<boolean> {
  const added = await queries
    .insertInto('oauth_signing_keys')
    .values(row)
    .onConflict((conflict) => conflict.column('generation').doNothing())
    .returning('generation')
    .executeTakeFirst();
  return added !== undefined;
}

/** Takes a key out at once; false when there is none of this id. */
export async function removeSigningKey(
  queries: Queries,
  { kid, at }: { kid: string; at: number },
): Promise<boolean> {
  const removed = await queries
    .updateTable('oauth_signing_keys')
    .set({ removed_at: at, sealed: '' })
    .where('kid', '=', kid)
    .where('removed_at', 'is', null)
    .returning('kid')
    .executeTakeFirst();
  return removed !== undefined;
}

/** Deletes keys of these generations for good. */
export async function deleteSigningKeys(queries: Queries, generations: readonly number[]): Promise<void> {
  if (generations.length === 0) return;
  await queries
    .deleteFrom('oauth_signing_keys')
    .where('generation', 'in', [...generations])
    .execute();
}

/** Replaces a sealed private key unless it was taken out or replaced meanwhile. */
export async function replaceSigningKeySeal(
  queries: Queries,
  change: { kid: string; before: string; sealed: string },
): Promise<boolean> {
  const changed = await queries
    .updateTable('oauth_signing_keys')
    .set({ sealed: change.sealed })
    .where('kid', '=', change.kid)
    .where('sealed', '=', change.before)
    .returning('kid')
    .executeTakeFirst();
  return changed !== undefined;
}

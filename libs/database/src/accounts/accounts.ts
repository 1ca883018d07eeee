import type { Queries } from '../database.ts';
import type { AccountRow } from './tables.ts';

/** Which account: by its own id, or by what its driver calls it. */
export type AccountKey = { accountId: string } | { driver: string; externalId: string };

export async function findAccount(queries: Queries, key: AccountKey): Promise<AccountRow | undefined> {
  const all = queries.selectFrom('accounts').selectAll();
  const one =
    'accountId' in key
      ? all.where('account_id', '=', key.accountId)
      : all.where('driver', '=', key.driver).where('external_id', '=', key.externalId);
  return one.executeTakeFirst();
}

/** False when there is one with this id, or of this driver and external id. */
export async function insertAccount(queries: Queries, row: AccountRow): Promise<boolean> {
  const inserted = await queries
    .insertInto('accounts')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(inserted.numInsertedOrUpdatedRows ?? 0) > 0;
}

/** At most a thousand accounts, the oldest first. */
export async function listAccounts(queries: Queries): Promise<AccountRow[]> {
  return queries
    .selectFrom('accounts')
    .selectAll()
    .orderBy('created_at')
    .orderBy('account_id')
    .limit(1_000)
    .execute();
}

/** Changes what is given; undefined for an unknown id. */
export async function updateAccount(
  queries: Queries,
  accountId: string,
  change: Partial<Pick<AccountRow, 'display' | 'password_hash' | 'seen_at' | 'disabled_at' | 'made_by'>>,
): Promise<AccountRow | undefined> {
  return queries
    .updateTable('accounts')
    .set(change)
    .where('account_id', '=', accountId)
    .returningAll()
    .executeTakeFirst();
}

/** Changes what a driver calls an account; a unique violation when another account has that name. */
export async function renameAccount(
  queries: Queries,
  { accountId, driver, externalId }: { accountId: string; driver: string; externalId: string },
): Promise<void> {
  await queries
    .updateTable('accounts')
    .set({ external_id: externalId })
    .where('account_id', '=', accountId)
    .where('driver', '=', driver)
    .execute();
}

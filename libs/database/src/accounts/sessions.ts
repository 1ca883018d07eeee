import type { Queries } from '../database.ts';
import type { AccountRow, AccountSessionRow } from './tables.ts';

export async function insertSession(queries: Queries, row: AccountSessionRow): Promise<void> {
  await queries.insertInto('account_sessions').values(row).execute();
}

/** The account of a session that holds at this time; nothing for one that is closed. */
export async function findSession(
  queries: Queries,
  { sessionId, at }: { sessionId: string; at: number },
): Promise<{ session: AccountSessionRow; account: AccountRow } | undefined> {
  const session = await queries
    .selectFrom('account_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .where('expires_at', '>', at)
    .executeTakeFirst();
  if (session === undefined) return undefined;
  const account = await queries
    .selectFrom('accounts')
    .selectAll()
    .where('account_id', '=', session.account_id)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
  return account === undefined ? undefined : { session, account };
}

/** Notes a use and moves the end. */
export async function touchSession(
  queries: Queries,
  { sessionId, at, expiresAt }: { sessionId: string; at: number; expiresAt: number },
): Promise<void> {
  await queries
    .updateTable('account_sessions')
    .set({ seen_at: at, expires_at: expiresAt })
    .where('session_id', '=', sessionId)
    .execute();
}

export async function deleteSession(queries: Queries, sessionId: string): Promise<void> {
  await queries.deleteFrom('account_sessions').where('session_id', '=', sessionId).execute();
}

/** Signs an account out everywhere, or everywhere but in one browser. */
export async function deleteSessionsOf(
  queries: Queries,
  { accountId, except }: { accountId: string; except?: string | undefined },
): Promise<void> {
  await queries
    .deleteFrom('account_sessions')
    .where('account_id', '=', accountId)
    .$if(except !== undefined, (query) => query.where('session_id', '!=', except ?? ''))
    .execute();
}

/** Forgets sessions that have ended. */
export async function sweepSessions(queries: Queries, at: number): Promise<void> {
  await queries.deleteFrom('account_sessions').where('expires_at', '<=', at).execute();
}

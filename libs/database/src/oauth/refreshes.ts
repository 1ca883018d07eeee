import type { Queries } from '../database.ts';

export interface RefreshClaim {
  requestId: string;
  owner: string;
  at: number;
  lockedUntil: number;
  expiresAt: number;
}

/** `mine`: nobody has answered this request yet. `taken_over`: whoever began to has not ended in time. */
export type RefreshTurn =
  | { kind: 'mine' }
  | { kind: 'taken_over' }
  | { kind: 'wait' }
  | { kind: 'answered'; response: string };

/** Whose turn it is to answer a refresh: one caller's, however many replicas are asked at once. */
export async function claimRefresh(queries: Queries, claim: RefreshClaim): Promise<RefreshTurn> {
  const { requestId, owner, at, lockedUntil, expiresAt } = claim;
  const row = { owner, locked_until: lockedUntil, expires_at: expiresAt };
  const mine = await queries
    .insertInto('oauth_refreshes')
    .values({ request_id: requestId, grant_id: null, response: null, ...row })
    .onConflict((conflict) => conflict.column('request_id').doNothing())
    .returning('request_id')
    .executeTakeFirst();
  if (mine !== undefined) return { kind: 'mine' };
  const takenOver = await queries
    .updateTable('oauth_refreshes')
    .set(row)
    .where('request_id', '=', requestId)
    .where('response', 'is', null)
    .where('locked_until', '<=', at)
    .returning('request_id')
    .executeTakeFirst();
  if (takenOver !== undefined) return { kind: 'taken_over' };
  const other = await queries
    .selectFrom('oauth_refreshes')
    .select(['response', 'expires_at'])
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  if (other?.response == null) return { kind: 'wait' };
  if (other.expires_at > at) return { kind: 'answered', response: other.response };
  // Past the grace: nobody's turn any more. The engine sees a token that was used.
  await dropRefresh(queries, { requestId });
  return { kind: 'wait' };
}

/** Keeps the answer for whoever repeats the request. */
export async function answerRefresh(
  queries: Queries,
  answer: { requestId: string; owner: string; grantId: string; response: string; expiresAt: number },
): Promise<void> {
  const { requestId, owner, grantId, response, expiresAt } = answer;
  await queries
    .updateTable('oauth_refreshes')
    .set({ response, grant_id: grantId, expires_at: expiresAt })
    .where('request_id', '=', requestId)
    .where('owner', '=', owner)
    .execute();
}

/** Lets the next caller try. */
export async function dropRefresh(
  queries: Queries,
  { requestId, owner }: { requestId: string; owner?: string },
): Promise<void> {
  await queries
    .deleteFrom('oauth_refreshes')
    .where('request_id', '=', requestId)
    .$if(owner !== undefined, (query) => query.where('owner', '=', owner ?? ''))
    .execute();
}

import { sql, type Transaction } from 'kysely';
import type { Dialect, Queries } from '../database.ts';
import type { Schema } from '../schema.ts';

export interface Revocation {
  grantId: string;
  at: number;
}

/**
 * Adds a revocation and returns its sequence number. Writers take turns: a reader that has seen a number has seen
 * every lower one too, which a sequence alone does not give (numbers are handed out before the commit).
 */
export async function addRevocation(
  queries: Transaction<Schema>,
  dialect: Dialect,
  { grantId, at }: Revocation,
): Promise<number> {
  if (dialect === 'postgres') await sql`lock table revocations in share row exclusive mode`.execute(queries);
  const { seq } = await queries
    .insertInto('revocations')
    .values({ grant_id: grantId, at })
    .returning('seq')
    .executeTakeFirstOrThrow();
  return seq;
}

/** Revocations after a sequence number, oldest first, and the newest number that there is. */
export async function readRevocationsAfter(
  queries: Queries,
  { after, limit }: { after: number; limit: number },
): Promise<{ items: { seq: number; grant_id: string }[]; latest: number }> {
  const items = await queries
    .selectFrom('revocations')
    .select(['seq', 'grant_id'])
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute();
  const newest = await queries
    .selectFrom('revocations')
    .select(({ fn }) => fn.max('seq').as('seq'))
    .executeTakeFirst();
  return { items, latest: newest?.seq ?? 0 };
}

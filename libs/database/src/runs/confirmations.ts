/** Above what a run is confirmed by a person, and who was asked and said what. */
import type { Selectable } from 'kysely';
import type { Queries } from '../database.ts';
import type { ConfirmationTable } from '../schema.ts';
import { type BudgetScope, everySubject, type Payer, scopesOf } from './spending-limits.ts';

export type Confirmation = Selectable<ConfirmationTable>;

/** The lowest of the thresholds that hold a payer, in millionths of a US dollar; undefined where none does. */
export async function readThreshold(queries: Queries, payer: Payer): Promise<number | undefined> {
  const rows = await queries.selectFrom('confirm_thresholds').selectAll().limit(10_000).execute();
  if (rows.length === 0) return undefined;
  const scopes = await scopesOf(queries, payer);
  const found = scopes.flatMap(([scope, value]) => {
    const of = (name: string) =>
      rows.find((row) => row.scope === scope && row.scope_value === name)?.above_micros;
    // One of everybody gives way to an own one, higher or lower.
    return of(value) ?? of(everySubject) ?? [];
  });
  return found.length === 0 ? undefined : Math.min(...found.map(Number));
}

/** Sets it for a scope; undefined removes it. */
export async function setThreshold(
  queries: Queries,
  { scope, value, aboveMicros }: { scope: BudgetScope; value: string; aboveMicros: number | undefined },
): Promise<void> {
  const key = { scope, scope_value: value };
  if (aboveMicros === undefined) {
    await queries
      .deleteFrom('confirm_thresholds')
      .where((eb) => eb.and(key))
      .execute();
    return;
  }
  await queries
    .insertInto('confirm_thresholds')
    .values({ ...key, above_micros: aboveMicros })
    .onConflict((conflict) =>
      conflict.columns(['scope', 'scope_value']).doUpdateSet({ above_micros: aboveMicros }),
    )
    .execute();
}

export async function listThresholds(
  queries: Queries,
): Promise<{ scope: string; value: string; aboveMicros: number }[]> {
  const rows = await queries
    .selectFrom('confirm_thresholds')
    .selectAll()
    .orderBy('scope')
    .orderBy('scope_value')
    .limit(10_000)
    .execute();
  return rows.map((row) => ({
    scope: row.scope,
    value: row.scope_value,
    aboveMicros: Number(row.above_micros),
  }));
}

/** What was asked last about one thing and is still good; undefined where nobody was asked. */
export async function findConfirmation(
  queries: Queries,
  { subject, aboutHash, now }: { subject: string; aboutHash: string; now: number },
): Promise<Confirmation | undefined> {
  return queries
    .selectFrom('confirmations')
    .selectAll()
    .where('subject', '=', subject)
    .where('about_hash', '=', aboutHash)
    .where('expires_at', '>', now)
    .where((eb) => eb.or([eb('answer', 'is', null), eb('answer', '<>', 'used')]))
    .orderBy('asked_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** One by its id, whoever's it is. */
export async function findAnyConfirmation(queries: Queries, id: string): Promise<Confirmation | undefined> {
  return queries.selectFrom('confirmations').selectAll().where('confirmation_id', '=', id).executeTakeFirst();
}

export async function addConfirmation(
  queries: Queries,
  asked: Omit<Confirmation, 'answer' | 'answered_at'>,
): Promise<void> {
  await queries
    .insertInto('confirmations')
    .values({ ...asked, answer: null, answered_at: null })
    .execute();
}

/** What a subject is asked and has not said, oldest first. */
export async function listConfirmations(
  queries: Queries,
  { subject, now }: { subject: string; now: number },
): Promise<Confirmation[]> {
  return queries
    .selectFrom('confirmations')
    .selectAll()
    .where('subject', '=', subject)
    .where('answer', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('asked_at')
    .limit(20)
    .execute();
}

/** Notes an answer; false where there is nothing to answer any more. */
export async function answerConfirmation(
  queries: Queries,
  given: { id: string; subject: string; answer: 'accepted' | 'declined'; at: number },
): Promise<boolean> {
  const row = await queries
    .updateTable('confirmations')
    .set({ answer: given.answer, answered_at: given.at })
    .where('confirmation_id', '=', given.id)
    .where('subject', '=', given.subject)
    .where('answer', 'is', null)
    .where('expires_at', '>', given.at)
    .returning('confirmation_id')
    .executeTakeFirst();
  return row !== undefined;
}

/** A yes is good for one run: false where another took it. */
export async function useConfirmation(queries: Queries, id: string): Promise<boolean> {
  const row = await queries
    .updateTable('confirmations')
    .set({ answer: 'used' })
    .where('confirmation_id', '=', id)
    .where('answer', '=', 'accepted')
    .returning('confirmation_id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Queries over wrappers: whose they are, who may see them, and changes that name a version. */
import { sql } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { OwnedWrapperRow, WrapperRow } from './tables.ts';

/** By its id, or by a name that its owner has or had and its alias. */
export type WrapperKey = { wrapperId: string } | { owner: string; alias: string };

/** What is not deleted, joined with the newest of its owner's names. */
function owned(queries: Queries) {
  return queries
    .selectFrom('wrappers')
    .innerJoin('wrapper_owners', (join) =>
      join
        .onRef('wrapper_owners.subject', '=', 'wrappers.subject')
        .on((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('wrapper_owners as newer')
                .select('newer.name')
                .whereRef('newer.subject', '=', 'wrapper_owners.subject')
                .whereRef('newer.created_at', '>', 'wrapper_owners.created_at'),
            ),
          ),
        ),
    )
    .where('deleted_at', 'is', null);
}

function ownedRows(queries: Queries) {
  return owned(queries).selectAll('wrappers').select('wrapper_owners.name as owner');
}

/** What somebody made whose account is closed is nobody's to find or run, until it is open again. */
const isOfOpenAccount = sql<boolean>`not exists (
  select 1 from accounts where accounts.account_id = wrappers.subject and accounts.disabled_at is not null
)`;

/** The wrapper when this subject may see it: their own, or one that is published and not private. */
export async function findVisibleWrapper(
  queries: Queries,
  key: WrapperKey,
  subject: string,
): Promise<OwnedWrapperRow | undefined> {
  const visible = ownedRows(queries).where((eb) =>
    eb.or([
      eb('wrappers.subject', '=', subject),
      eb.and([
        eb('status', '=', 'published'),
        eb('visibility', 'in', ['public', 'unlisted']),
        isOfOpenAccount,
      ]),
    ]),
  );
  const one =
    'wrapperId' in key
      ? visible.where('wrapper_id', '=', key.wrapperId)
      : visible
          .where('alias', '=', key.alias)
          .where('wrappers.subject', 'in', (eb) =>
            eb
              .selectFrom('wrapper_owners as named')
              .select('named.subject')
              .where('named.name', '=', key.owner),
          );
  return one.executeTakeFirst();
}

export interface WrapperVersion {
  wrapper_id: string;
  version: number;
  owner: string;
}

function versions(queries: Queries) {
  return owned(queries)
    .select(['wrapper_id', 'version', 'wrapper_owners.name as owner'])
    .orderBy('updated_at', 'desc')
    .orderBy('wrapper_id');
}

/** Which wrappers a subject has, drafts included, and in which version; the latest change first. */
export async function listOwnVersions(queries: Queries, subject: string): Promise<WrapperVersion[]> {
  return versions(queries).where('wrappers.subject', '=', subject).execute();
}

/** Which wrappers everybody may find, and in which version; the latest change first. */
export async function listPublicVersions(queries: Queries, limit: number): Promise<WrapperVersion[]> {
  // Written out, not bound: only then is the partial index used.
  return versions(queries)
    .where(sql<boolean>`visibility = 'public' and status = 'published'`)
    .where(isOfOpenAccount)
    .limit(limit)
    .execute();
}

/** Those of the ids that are this subject's or, without one, that everybody may find. */
export async function readWrappers(
  queries: Queries,
  ids: readonly string[],
  subject?: string,
): Promise<OwnedWrapperRow[]> {
  if (ids.length === 0) return [];
  const rows = ownedRows(queries).where('wrapper_id', 'in', ids);
  return subject === undefined
    ? rows
        .where('visibility', '=', 'public')
        .where('status', '=', 'published')
        .where(isOfOpenAccount)
        .execute()
    : rows.where('wrappers.subject', '=', subject).execute();
}

export async function findOwnerName(queries: Queries, subject: string): Promise<string | undefined> {
  const row = await queries
    .selectFrom('wrapper_owners')
    .select('name')
    .where('subject', '=', subject)
    .orderBy('created_at', 'desc')
    .orderBy('name')
    .limit(1)
    .executeTakeFirst();
  return row?.name;
}

/**
 * Gives a subject this name, beside those that it had: they go on leading to its wrappers and nobody else gets them. False
 * when it is somebody else's.
 */
export async function claimOwnerName(
  queries: Queries,
  { name, subject, at: wanted }: { name: string; subject: string; at: number },
): Promise<boolean> {
  const newest = await queries
    .selectFrom('wrapper_owners')
    .select(({ fn }) => fn.max('created_at').as('at'))
    .where('subject', '=', subject)
    .executeTakeFirst();
  const at = Math.max(wanted, Number(newest?.at ?? 0) + 1);
  const row = await queries
    .insertInto('wrapper_owners')
    .values({ name, subject, created_at: at })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ created_at: at }).where('wrapper_owners.subject', '=', subject),
    )
    .returning('name')
    .executeTakeFirst();
  return row !== undefined;
}

export type Inserted =
  | { kind: 'inserted'; row: WrapperRow }
  | { kind: 'replay'; row: WrapperRow }
  | { kind: 'alias_taken' }
  | { kind: 'too_many' };

/**
 * Stores a wrapper, or finds the one of the same `client_ref`, deleted or not. Its owner's rows are counted and added one
 * after the other, so that the bound holds whoever comes at the same time.
 */
export async function insertWrapper(
  database: Database,
  row: WrapperRow,
  { most, forgetBefore }: { most: number; forgetBefore: number },
): Promise<Inserted> {
  return database.transaction(async (queries) => {
    // One row of the owner is the lock: on SQLite the transaction itself is.
    await queries
      .updateTable('wrapper_owners')
      .set((eb) => ({ created_at: eb.ref('created_at') }))
      .where('subject', '=', row.subject)
      .execute();
    await queries
      .deleteFrom('wrappers')
      .where('deleted_at', '<', forgetBefore)
      .where('subject', '=', row.subject)
      .execute();
    const before =
      row.client_ref === null
        ? undefined
        : await queries
            .selectFrom('wrappers')
            .selectAll()
            .where('subject', '=', row.subject)
            .where('client_ref', '=', row.client_ref)
            .executeTakeFirst();
    if (before !== undefined) return { kind: 'replay', row: before };
    const own = await queries
      .selectFrom('wrappers')
      .select(['alias', 'deleted_at'])
      .where('subject', '=', row.subject)
      .execute();
    const live = own.filter(({ deleted_at: deletedAt }) => deletedAt === null);
    if (live.some(({ alias }) => alias === row.alias)) return { kind: 'alias_taken' };
    // Deleted ones are kept for a while: they count, ten times as many may be.
    if (live.length >= most || own.length >= 10 * most) return { kind: 'too_many' };
    const inserted = await queries
      .insertInto('wrappers')
      .values(row)
      .returningAll()
      .executeTakeFirstOrThrow();
    return { kind: 'inserted', row: inserted };
  });
}

export interface WrapperChange {
  wrapperId: string;
  subject: string;
  /** The version that was read: another one since changes nothing. */
  version: number;
  set: Pick<WrapperRow, 'alias' | 'definition' | 'visibility' | 'status' | 'updated_at'>;
}

/** The changed row; undefined when it is another version now, or not this subject's. Throws a unique violation of the alias. */
export async function updateWrapper(
  queries: Queries,
  { wrapperId, subject, version, set }: WrapperChange,
): Promise<WrapperRow | undefined> {
  return queries
    .updateTable('wrappers')
    .set({ ...set, version: version + 1 })
    .where('wrapper_id', '=', wrapperId)
    .where('subject', '=', subject)
    .where('version', '=', version)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

/** True for one that was there or that was deleted before: a call that is repeated has the same answer. */
export async function deleteWrapper(
  queries: Queries,
  { wrapperId, subject, at }: { wrapperId: string; subject: string; at: number },
): Promise<boolean> {
  const row = await queries
    .updateTable('wrappers')
    .set((eb) => ({ definition: '', deleted_at: eb.fn.coalesce('deleted_at', eb.val(at)) }))
    .where('wrapper_id', '=', wrapperId)
    .where('subject', '=', subject)
    .returning('wrapper_id')
    .executeTakeFirst();
  return row !== undefined;
}

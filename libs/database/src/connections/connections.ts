import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { Schema } from '../schema.ts';
import type { ConnectionRow } from './tables.ts';

/** Adds a connection, or replaces what is known of one with the same id. */
export async function putConnection(queries: Queries, row: ConnectionRow): Promise<void> {
  const { connection_id: _id, created_at: _at, ...rest } = row;
  await queries
    .insertInto('connections')
    .values(row)
    .onConflict((conflict) => conflict.column('connection_id').doUpdateSet(rest))
    .execute();
}

export interface ConnectionFilter {
  subject: string;
  provider?: string | undefined;
  at: number;
}

/**
 * What a subject's runs can use, the preferred ones first: their own, their teams', the deployment's; within each the
 * newest. Also those whose key was refused, and without those whose time is over.
 */
export async function listUsableConnections(
  queries: Queries,
  { subject, provider, at }: ConnectionFilter,
): Promise<ConnectionRow[]> {
  return queries
    .selectFrom('connections')
    .selectAll()
    .where((eb) => isUsableBy(eb, subject))
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
    .$if(provider !== undefined, (query) => query.where('provider', '=', provider ?? ''))
    .orderBy(sql`case owner_kind when 'user' then 0 when 'team' then 1 else 2 end`)
    .orderBy('created_at', 'desc')
    .orderBy('connection_id')
    .limit(200)
    .execute();
}

/** One of them by its id; another's is as unknown as one that does not exist. */
export async function findUsableConnection(
  queries: Queries,
  { subject, connectionId }: { subject: string; connectionId: string },
): Promise<ConnectionRow | undefined> {
  return queries
    .selectFrom('connections')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .where((eb) => isUsableBy(eb, subject))
    .executeTakeFirst();
}

function isUsableBy(eb: ExpressionBuilder<Schema, 'connections'>, subject: string): Expression<SqlBool> {
  const teams = eb.selectFrom('team_members').select('team').where('subject', '=', subject);
  return eb.or([
    eb('owner_kind', '=', 'deployment'),
    eb.and([eb('owner_kind', '=', 'user'), eb('owner_id', '=', subject)]),
    eb.and([eb('owner_kind', '=', 'team'), eb('owner_id', 'in', teams)]),
  ]);
}

/** For operators: all that are stored, at most a thousand. */
export async function listAllConnections(queries: Queries): Promise<ConnectionRow[]> {
  return queries
    .selectFrom('connections')
    .selectAll()
    .where('sealed', 'is not', null)
    .orderBy('created_at')
    .orderBy('connection_id')
    .limit(1_000)
    .execute();
}

export async function findConnection(
  queries: Queries,
  connectionId: string,
): Promise<ConnectionRow | undefined> {
  return queries
    .selectFrom('connections')
    .selectAll()
    .where('connection_id', '=', connectionId)
    .executeTakeFirst();
}

/** Deletes a connection with its key; false when there is none, or when it is not of this owner. */
export async function deleteConnection(
  queries: Queries,
  { connectionId, subject }: { connectionId: string; subject?: string | undefined },
): Promise<boolean> {
  const deleted = await queries
    .deleteFrom('connections')
    .where('connection_id', '=', connectionId)
    .$if(subject !== undefined, (query) =>
      query.where('owner_kind', '=', 'user').where('owner_id', '=', subject ?? ''),
    )
    .returning('connection_id')
    .executeTakeFirst();
  return deleted !== undefined;
}

/** Deletes connections whose time is over; how many there were. */
export async function sweepConnections(queries: Queries, at: number): Promise<number> {
  const deleted = await queries
    .deleteFrom('connections')
    .where('expires_at', '<=', at)
    .returning('connection_id')
    .execute();
  return deleted.length;
}

export interface ConnectionCheck {
  connectionId: string;
  state: string;
  at: number;
  account?: string | undefined;
  /** JSON. */
  balance?: string | undefined;
}

/** Notes what a platform said of a key; what it did not say stays as it was. */
export async function noteConnectionCheck(queries: Queries, check: ConnectionCheck): Promise<void> {
  const { connectionId, state, at, account, balance } = check;
  await queries
    .updateTable('connections')
    .set({
      state,
      checked_at: at,
      ...(account === undefined ? {} : { account }),
      ...(balance === undefined ? {} : { balance }),
    })
    .where('connection_id', '=', connectionId)
    .execute();
}

/** Notes that its platform wants to be left alone for a while; true when that was not known, or is longer now. */
export async function noteConnectionLimit(
  queries: Queries,
  { connectionId, until }: { connectionId: string; until: number },
): Promise<boolean> {
  const noted = await queries
    .updateTable('connections')
    .set({ limited_until: until })
    .where('connection_id', '=', connectionId)
    .where((eb) => eb.or([eb('limited_until', 'is', null), eb('limited_until', '<', until)]))
    .returning('connection_id')
    .executeTakeFirst();
  return noted !== undefined;
}

/** Sets when a key that its caller brought along is wiped; false when there is none. */
export async function setConnectionExpiry(
  queries: Queries,
  { connectionId, expiresAt }: { connectionId: string; expiresAt: number },
): Promise<boolean> {
  const changed = await queries
    .updateTable('connections')
    .set({ expires_at: expiresAt })
    .where('connection_id', '=', connectionId)
    .where('origin', '=', 'passthrough')
    .returning('connection_id')
    .executeTakeFirst();
  return changed !== undefined;
}

/** Makes a grant end with a connection's key. */
export async function bindGrantToConnection(
  queries: Queries,
  { grantId, connectionId }: { grantId: string; connectionId: string },
): Promise<void> {
  await queries
    .insertInto('connection_grants')
    .values({ grant_id: grantId, connection_id: connectionId })
    .onConflict((conflict) => conflict.columns(['grant_id', 'connection_id']).doNothing())
    .execute();
}

export async function listGrantsOfConnection(queries: Queries, connectionId: string): Promise<string[]> {
  const rows = await queries
    .selectFrom('connection_grants')
    .select('grant_id')
    .where('connection_id', '=', connectionId)
    .limit(10_000)
    .execute();
  return rows.map((row) => row.grant_id);
}

/** The connections that a grant rests on. */
export async function listConnectionsOfGrant(queries: Queries, grantId: string): Promise<string[]> {
  const rows = await queries
    .selectFrom('connection_grants')
    .select('connection_id')
    .where('grant_id', '=', grantId)
    .execute();
  return rows.map((row) => row.connection_id);
}

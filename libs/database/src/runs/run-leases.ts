/**
 * Who works on a run: leases of runs that are due, a few at a time; what is written under them is in `run-writes.ts`. Runs that wait to be sent
 * stand in a lane for each platform and tenant, so that a long lane costs the others nothing; runs that are followed stand in
 * one for each platform, the longest overdue first. What is taken costs what it is, however many rows there are.
 */
import { type RawBuilder, sql } from 'kysely';
import type { Database, Dialect, Queries } from '../database.ts';
import type { RunRow } from '../schema.ts';
import { skipLocked } from '../skip-locked.ts';

export interface LeaseRequest {
  owner: string;
  now: number;
  leaseMs: number;
}

/** One tenant's runs at one platform that wait to be sent. */
export interface Lane {
  provider: string;
  subject: string;
}

/** Where a listing goes on. */
export interface LaneCursor {
  provider: string;
  /** The subject after which it begins. */
  after: string;
}

/** Written out, not bound: only then are the partial indexes used. What waits for its turn in a batch has no time. */
const isQueued = sql`runs.phase = 'queued' and runs.next_poll_at is not null`;
/** Runs of low priority stand further back in their lane, as if they had come later: nobody waits for ever. */
const inTurn = sql`coalesce(runs.send_rank, runs.created_at)`;
const isFollowed = sql`runs.phase in ('submitting', 'running', 'storing')`;

/** The lanes with runs in them, some of each platform: one probe of an index for each, however long they are. */
export async function listLanes(
  queries: Queries,
  { cursors, limit }: { cursors: readonly LaneCursor[]; limit: number },
): Promise<Lane[]> {
  if (cursors.length === 0) return [];
  const starts = sql.join(
    cursors.map(({ provider, after }) => sql`select ${provider} as provider, ${after} as after`),
    sql` union all `,
  );
  const next = (provider: RawBuilder<unknown>, after: RawBuilder<unknown>) =>
    sql`(select min(runs.subject) from runs where ${isQueued} and runs.provider = ${provider} and runs.subject > ${after})`;
  const { rows } = await sql<Lane>`
    with recursive lane(provider, subject) as (
      select start.provider, ${next(sql`start.provider`, sql`start.after`)} from (${starts}) as start
      where not exists (select 1 from provider_pauses where provider_pauses.provider = start.provider and mode = 'pause')
      union all
      select lane.provider, ${next(sql`lane.provider`, sql`lane.subject`)} from lane where lane.subject is not null
    )
    select provider, subject from lane where subject is not null limit ${limit} + 0`.execute(queries);
  return rows;
}

/** Takes due runs that wait to be sent, at most so many of each lane. */
export function leaseQueuedRuns(
  database: Database,
  request: LeaseRequest & { picks: readonly (Lane & { limit: number })[] },
): Promise<RunRow[]> {
  return inOne(database, (queries) => leaseLanes(queries, database.dialect, request));
}

/** The same by whoever has begun a transaction. */
export function leaseLanes(
  queries: Queries,
  dialect: Dialect,
  request: LeaseRequest & { picks: readonly (Lane & { limit: number })[] },
): Promise<RunRow[]> {
  const { picks } = request;
  const columns = {
    provider: picks.map(({ provider }) => provider),
    subject: picks.map(({ subject }) => subject),
    most: picks.map(({ limit }) => limit),
  };
  return leasePicked(queries, dialect, {
    ...request,
    one: picks.map(
      ({ provider, subject, limit }) =>
        sql`${isQueued} and runs.provider = ${provider} and runs.subject = ${subject} and ${isDue(request.now)}
          order by ${inTurn} limit ${limit} + 0`,
    ),
    all: sql`unnest(${columns.provider}::text[], ${columns.subject}::text[], ${columns.most}::int[])
        as pick(provider, subject, most)
      cross join lateral (
        select runs.run_id from runs
        where ${isQueued} and runs.provider = pick.provider and runs.subject = pick.subject and ${isDue(request.now)}
        order by ${inTurn} limit pick.most for update skip locked
      ) as found`,
  });
}

/** Takes due runs whose submit is out, at most so many of each platform, and none of the tenants that have enough there. */
export function leaseFollowedRuns(
  database: Database,
  request: LeaseRequest & { picks: readonly { provider: string; limit: number }[]; without: readonly Lane[] },
): Promise<RunRow[]> {
  const { picks, without } = request;
  const columns = {
    provider: picks.map(({ provider }) => provider),
    most: picks.map(({ limit }) => limit),
  };
  const isWanted =
    without.length === 0
      ? sql`true`
      : sql`not (${sql.join(
          without.map(
            ({ provider, subject }) => sql`runs.provider = ${provider} and runs.subject = ${subject}`,
          ),
          sql` or `,
        )})`;
  return inOne(database, (queries) =>
    leasePicked(queries, database.dialect, {
      ...request,
      one: picks.map(
        ({ provider, limit }) =>
          sql`${isFollowed} and runs.provider = ${provider} and ${isDue(request.now)} and ${isWanted}
          order by runs.next_poll_at limit ${limit} + 0`,
      ),
      all: sql`unnest(${columns.provider}::text[], ${columns.most}::int[]) as pick(provider, most)
      cross join lateral (
        select runs.run_id from runs
        where ${isFollowed} and runs.provider = pick.provider and ${isDue(request.now)} and ${isWanted}
        order by runs.next_poll_at limit pick.most for update skip locked
      ) as found`,
    }),
  );
}

/**
 * Takes runs past their deadline that nobody else takes, so that somebody ends them: those whose platform is not among the known
 * ones, and those that wait to be sent, which a bound may hold back.
 */
export async function leaseAbandonedRuns(
  database: Database,
  request: LeaseRequest & { known: readonly string[]; limit: number },
): Promise<RunRow[]> {
  const { owner, now, leaseMs, known, limit } = request;
  return database.queries
    .with('due', (queries) =>
      queries
        .selectFrom('runs')
        .select('runs.run_id as due_id')
        .where('next_poll_at', '<=', now)
        .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
        .where('deadline_at', '<=', now)
        .where((eb) => eb.or([eb('provider', 'not in', [...known, '']), eb('phase', '=', 'queued')]))
        .orderBy('next_poll_at')
        .limit(limit)
        .$call(skipLocked(database.dialect)),
    )
    .updateTable('runs')
    .set({ lease_owner: owner, lease_until: now + leaseMs, version: sql`version + 1` })
    .where('run_id', 'in', (eb) => eb.selectFrom('due').select('due.due_id'))
    .returningAll()
    .execute();
}

function isDue(now: number): RawBuilder<unknown> {
  return sql`runs.next_poll_at <= ${now} and (runs.lease_until is null or runs.lease_until <= ${now})`;
}

/**
 * Each lease raises the row's version, so that whoever held it before can no longer write. Postgres picks from all lanes
 * in one statement, passing over rows that another replica takes just now; SQLite has one writer and no lateral join.
 */
async function leasePicked(
  queries: Queries,
  dialect: Dialect,
  picked: LeaseRequest & { one: readonly RawBuilder<unknown>[]; all: RawBuilder<unknown> },
): Promise<RunRow[]> {
  const { owner, now, leaseMs, one, all } = picked;
  if (one.length === 0) return [];
  const leased = sql`lease_owner = ${owner}, lease_until = ${now + leaseMs}, version = version + 1`;
  if (dialect === 'postgres') {
    const statement = sql<RunRow>`
      with due as (select found.run_id from ${all})
      update runs set ${leased} where run_id in (select run_id from due) returning *`;
    return (await statement.execute(queries)).rows;
  }
  const rows: RunRow[] = [];
  for (const pick of one) {
    const statement = sql<RunRow>`
      update runs set ${leased} where run_id in (select runs.run_id from runs where ${pick}) returning *`;
    rows.push(...(await statement.execute(queries)).rows);
  }
  return rows;
}

/** Postgres leases in one statement; SQLite in several, between which nobody else may write. */
function inOne<T>(database: Database, work: (queries: Queries) => Promise<T>): Promise<T> {
  return database.dialect === 'postgres' ? work(database.queries) : database.transaction(work);
}

/** Extends leases; what is missing in the answer has been lost to another owner or has ended. */
export async function renewLeases(
  queries: Queries,
  lease: { owner: string; runIds: readonly string[]; until: number },
): Promise<Pick<RunRow, 'run_id' | 'cancel_requested_at'>[]> {
  if (lease.runIds.length === 0) return [];
  return queries
    .updateTable('runs')
    .set({ lease_until: lease.until })
    .where('lease_owner', '=', lease.owner)
    .where('run_id', 'in', [...lease.runIds])
    .returning(['run_id', 'cancel_requested_at'])
    .execute();
}

/** One run to give back. */
export interface Release {
  runId: string;
  version: number;
  /** When it is due next. */
  at: number;
}

/** Gives many held runs back that have not changed; answers the ids of those that were still held. */
export async function releaseRuns(
  database: Database,
  owner: string,
  releases: readonly Release[],
): Promise<Set<string>> {
  const given = sql`lease_owner = null, lease_until = null`;
  if (database.dialect === 'postgres') {
    const statement = sql<{ run_id: string }>`
      update runs set next_poll_at = given.at, version = runs.version + 1, ${given}
      from unnest(${releases.map(({ runId }) => runId)}::text[], ${releases.map(({ version }) => version)}::bigint[],
        ${releases.map(({ at }) => at)}::bigint[]) as given(run_id, version, at)
      where runs.run_id = given.run_id and runs.version = given.version and runs.lease_owner = ${owner}
      returning runs.run_id`;
    return new Set((await statement.execute(database.queries)).rows.map(({ run_id: id }) => id));
  }
  return database.transaction(async (queries) => {
    const ids = new Set<string>();
    for (const { runId, version, at } of releases) {
      const { numAffectedRows } = await queries
        .updateTable('runs')
        .set({ next_poll_at: at, lease_owner: null, lease_until: null, version: version + 1 })
        .where('run_id', '=', runId)
        .where('version', '=', version)
        .where('lease_owner', '=', owner)
        .executeTakeFirst()
        .then((result) => ({ numAffectedRows: result.numUpdatedRows }));
      if (numAffectedRows > 0n) ids.add(runId);
    }
    return ids;
  });
}

/** Notes that somebody wants a run stopped and makes it due; false when it has ended. Keeps the version. */
export async function requestCancel(
  queries: Queries,
  run: { runId: string; subject: string; at: number },
): Promise<boolean> {
  const updated = await queries
    .updateTable('runs')
    .set({ cancel_requested_at: sql`coalesce(cancel_requested_at, ${run.at})`, next_poll_at: run.at })
    .where('run_id', '=', run.runId)
    .where('subject', '=', run.subject)
    .where('phase', '<>', 'done')
    .returning('run_id')
    .executeTakeFirst();
  return updated !== undefined;
}

/** Makes the runs of a provider that wait longest for a free place due now. */
export async function hastenQueuedRuns(
  queries: Queries,
  request: { provider: string; now: number; limit: number },
): Promise<void> {
  await queries
    .updateTable('runs')
    .set({ next_poll_at: request.now })
    .where('run_id', 'in', (eb) =>
      eb
        .selectFrom('runs')
        .select('run_id')
        .where('provider', '=', request.provider)
        .where('phase', '=', 'queued')
        .where('next_poll_at', '>', request.now)
        .orderBy('created_at')
        .limit(request.limit),
    )
    .where('phase', '=', 'queued')
    .execute();
}

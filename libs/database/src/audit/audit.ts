/** The audit trail: lines that are added, chained by their hashes, read, verified, and deleted when they are old. */
import { createHash, randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Database, Queries } from '../database.ts';

/** A line. `place` and `hash` are null until it is chained. */
export interface AuditTable {
  audit_id: string;
  at: number;
  /** Who did it, where that is known: a subject, or `operator` with a name. */
  actor: string;
  /** `run.started`, `client.revoked`. */
  action: string;
  /** Whose it is. */
  subject: string;
  object: string;
  /** JSON. */
  details: string;
  place: number | null;
  hash: string | null;
}

export interface AuditTables {
  audit_entries: AuditTable;
  audit_anchors: { place: number; hash: string; at: number };
  provider_pauses: { provider: string; mode: string; reason: string; at: number };
}

export type AuditLine = Selectable<AuditTable>;

/** Adds a line for what no table tells of: what an operator does, or a yes that a client passed on. */
export async function addAudit(
  queries: Queries,
  line: Pick<AuditLine, 'at' | 'actor' | 'action' | 'object'> & {
    subject?: string;
    details?: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { subject = '', details = {}, ...rest } = line;
  await queries
    .insertInto('audit_entries')
    .values({
      ...rest,
      audit_id: randomBytes(16).toString('hex'),
      subject,
      details: JSON.stringify(details),
      place: null,
      hash: null,
    })
    .execute();
}

const lockKey = 7_316_499_204;
const lockTrail = (database: Database, queries: Queries): Promise<unknown> =>
  database.dialect === 'postgres'
    ? sql`select pg_advisory_xact_lock(${sql.lit(lockKey)})`.execute(queries)
    : Promise.resolve();

/** Gives lines that have none their place in the chain, oldest first; how many. One replica at a time. */
export async function chainAudit(
  database: Database,
  { limit = 500 }: { limit?: number } = {},
): Promise<number> {
  const waiting = await database.queries
    .selectFrom('audit_entries')
    .select('audit_id')
    .where('place', 'is', null)
    .limit(1)
    .execute();
  if (waiting.length === 0) return 0;
  return database.transaction(async (queries) => {
    await lockTrail(database, queries);
    let { place, hash } = await lastOf(queries);
    const lines = await queries
      .selectFrom('audit_entries')
      .selectAll()
      .where('place', 'is', null)
      .orderBy('at')
      .orderBy('audit_id')
      .limit(limit)
      .execute();
    const links = lines.map((line) => {
      place += 1;
      hash = hashOf(hash, { ...line, place });
      return { id: line.audit_id, place, hash };
    });
    await writeLinks(queries, database.dialect, links);
    return lines.length;
  });
}

async function writeLinks(
  queries: Queries,
  dialect: Database['dialect'],
  links: readonly { id: string; place: number; hash: string }[],
): Promise<void> {
  if (links.length === 0) return;
  if (dialect === 'postgres') {
    await sql`update audit_entries set place = link.place, hash = link.hash
      from unnest(${links.map(({ id }) => id)}::text[], ${links.map(({ place }) => place)}::bigint[],
        ${links.map(({ hash }) => hash)}::text[]) as link(id, place, hash)
      where audit_entries.audit_id = link.id`.execute(queries);
    return;
  }
  for (const { id, place, hash } of links)
    await queries.updateTable('audit_entries').set({ place, hash }).where('audit_id', '=', id).execute();
}

async function lastOf(queries: Queries): Promise<{ place: number; hash: string }> {
  const last = await queries
    .selectFrom('audit_entries')
    .select(['place', 'hash'])
    .where('place', 'is not', null)
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last?.place != null && last.hash !== null) return { place: Number(last.place), hash: last.hash };
  return anchorOf(queries);
}

async function anchorOf(queries: Queries): Promise<{ place: number; hash: string }> {
  const anchor = await queries
    .selectFrom('audit_anchors')
    .select(['place', 'hash'])
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst();
  return anchor === undefined ? { place: 0, hash: '' } : { place: Number(anchor.place), hash: anchor.hash };
}

function hashOf(before: string, line: AuditLine): string {
  const { audit_id, at, actor, action, subject, object, details, place } = line;
  const content = JSON.stringify([
    before,
    Number(place),
    audit_id,
    Number(at),
    actor,
    action,
    subject,
    object,
    details,
  ]);
  return createHash('sha256').update(content).digest('hex');
}

/** Chained lines after a place, in their order. */
export async function readAudit(
  queries: Queries,
  { after, limit, since = 0 }: { after: number; limit: number; since?: number | undefined },
): Promise<AuditLine[]> {
  return queries
    .selectFrom('audit_entries')
    .selectAll()
    .where('place', '>', after)
    .where('at', '>=', since)
    .orderBy('place')
    .limit(limit)
    .execute();
}

export interface AuditReport {
  lines: number;
  /** The place of the last line, and its hash: whoever keeps it elsewhere can tell later that nothing was cut off. */
  last: { place: number; hash: string };
  /** The first line that is not as it was written, or that is missing. */
  broken: { place: number; problem: string } | undefined;
}

/** Reads the whole chain. `known`: what somebody wrote down before, which must still be in it. */
export async function verifyAudit(
  { queries }: Database,
  known?: { place: number; hash: string },
): Promise<AuditReport> {
  let last = await anchorOf(queries);
  let lines = 0;
  let isKnown = known === undefined || known.place < last.place || isSame(known, last);
  const broken = (problem: string): AuditReport => ({
    lines,
    last,
    broken: { place: last.place + 1, problem },
  });
  for await (const line of chainedLines(queries, last.place)) {
    const problem = problemOf(line, last);
    if (problem !== undefined) return broken(problem);
    const link = { place: last.place + 1, hash: line.hash ?? '' };
    if (known?.place === link.place && !isSame(known, link))
      return broken('is another than the one that is known');
    isKnown ||= known?.place === link.place;
    last = link;
    lines += 1;
  }
  return isKnown ? { lines, last, broken: undefined } : broken('is missing: the chain ended further on');
}

interface Link {
  place: number;
  hash: string;
}

function isSame(one: Link, other: Link): boolean {
  return one.place === other.place && one.hash === other.hash;
}

function problemOf(line: AuditLine, { place, hash }: Link): string | undefined {
  if (Number(line.place) !== place + 1) return 'is missing';
  return hashOf(hash, line) === line.hash ? undefined : 'is not as it was written';
}

async function* chainedLines(queries: Queries, after: number): AsyncGenerator<AuditLine> {
  for (let from = after; ; ) {
    const page = await readAudit(queries, { after: from, limit: 1_000 });
    yield* page;
    from = Number(page.at(-1)?.place ?? from);
    if (page.length < 1_000) return;
  }
}

/** Deletes chained lines that are older, all but the newest; how many. What stays is verified from an anchor. */
export async function pruneAudit(
  database: Database,
  { before, now }: { before: number; now: number },
): Promise<number> {
  return database.transaction(async (queries) => {
    await lockTrail(database, queries);
    const anchor = await anchorOf(queries);
    const kept = await queries
      .selectFrom('audit_entries')
      .select(({ fn }) => fn.min('place').as('place'))
      .where('place', 'is not', null)
      .where('at', '>=', before)
      .executeTakeFirst();
    const until = kept?.place == null ? (await lastOf(queries)).place - 1 : Number(kept.place) - 1;
    const last = await queries
      .selectFrom('audit_entries')
      .select(['place', 'hash'])
      .where('place', '=', until)
      .where('place', '>', anchor.place)
      .executeTakeFirst();
    if (last?.hash == null) return 0;
    await queries.insertInto('audit_anchors').values({ place: until, hash: last.hash, at: now }).execute();
    const deleted = await queries
      .deleteFrom('audit_entries')
      .where('place', '<=', until)
      .returning('audit_id')
      .execute();
    return deleted.length;
  });
}

/**
 * How many runs of a tenant, or at a platform, are under way at once and how many are sent in a while: what an operator allows.
 * Whoever takes runs of a limited lane counts and takes them in one transaction, so that replicas share what is left.
 */
import { sql, type Transaction } from 'kysely';
import type { Database, Queries } from '../database.ts';
import type { RunRow, Schema } from '../schema.ts';
import { type Lane, type LeaseRequest, leaseLanes, leaseQueuedRuns } from './run-leases.ts';
import { everySubject } from './spending-limits.ts';

export const runLimitScopes = ['subject', 'provider'] as const;
export type RunLimitScope = (typeof runLimitScopes)[number];

/** So many in any time of this length. */
export interface SendRate {
  count: number;
  windowMs: number;
}

/** A number of 0 says that there is no bound, whatever holds everybody. What is undefined is as it is for everybody. */
export interface RunLimit {
  scope: RunLimitScope;
  /** Whose; `*`: each has one like it. */
  value: string;
  /** Runs that were sent and have not ended at their platform. */
  atOnce?: number | undefined;
  rate?: SendRate | undefined;
  /** Of a tenant: runs that have not ended, those that wait included; one more is refused. */
  open?: number | undefined;
}

export async function listRunLimits(queries: Queries): Promise<RunLimit[]> {
  const rows = await queries
    .selectFrom('run_limits')
    .selectAll()
    .orderBy('scope')
    .orderBy('scope_value')
    .execute();
  return rows.map(({ scope, scope_value: value, at_once: atOnce, rate_count: count, ...row }) => ({
    // as: `setRunLimit` is the only writer of this column.
    scope: scope as RunLimitScope,
    value,
    ...(atOnce === null ? {} : { atOnce: Number(atOnce) }),
    ...(count === null || row.rate_window_ms === null
      ? {}
      : { rate: { count: Number(count), windowMs: Number(row.rate_window_ms) } }),
    ...(row.open_runs === null ? {} : { open: Number(row.open_runs) }),
  }));
}

/** In place of what there was for that scope; one that says nothing is removed. */
export async function setRunLimit(database: Database, limit: RunLimit): Promise<void> {
  const { scope, value, atOnce, rate, open } = limit;
  await database.transaction(async (queries) => {
    await queries
      .deleteFrom('run_limits')
      .where('scope', '=', scope)
      .where('scope_value', '=', value)
      .execute();
    if (atOnce === undefined && rate === undefined && open === undefined) return;
    const row = {
      ...{ scope, scope_value: value, at_once: atOnce ?? null, open_runs: open ?? null },
      ...{ rate_count: rate?.count ?? null, rate_window_ms: rate?.windowMs ?? null },
    };
    await queries.insertInto('run_limits').values(row).execute();
  });
}

export type RunRules = Pick<RunLimit, 'atOnce' | 'rate' | 'open'>;

/** What holds one tenant or one platform: of each rule its own, else everybody's. */
export function rulesOf(
  limits: readonly RunLimit[],
  { scope, value }: Pick<RunLimit, 'scope' | 'value'>,
): RunRules {
  const of = (name: string) => limits.find((limit) => limit.scope === scope && limit.value === name);
  const own = of(value);
  const every = of(everySubject);
  const atOnce = own?.atOnce ?? every?.atOnce;
  const rate = own?.rate ?? every?.rate;
  const open = own?.open ?? every?.open;
  return {
    ...(atOnce === undefined || atOnce === 0 ? {} : { atOnce }),
    ...(rate === undefined || rate.count === 0 ? {} : { rate }),
    ...(open === undefined || open === 0 ? {} : { open }),
  };
}

/** The bounds on what is sent that a lane is under. */
export function boundsOf(limits: readonly RunLimit[], { provider, subject }: Lane): Bound[] {
  if (limits.length === 0) return [];
  const keys = [
    { scope: 'provider', value: provider },
    { scope: 'subject', value: subject },
  ] as const;
  return keys.flatMap((key) => {
    const { atOnce, rate } = rulesOf(limits, key);
    return atOnce === undefined && rate === undefined ? [] : [{ ...key, atOnce, rate }];
  });
}

export interface Bound {
  scope: RunLimitScope;
  value: string;
  atOnce?: number | undefined;
  rate?: SendRate | undefined;
}

/** A bound that left runs waiting. */
export interface Reached {
  scope: RunLimitScope;
  value: string;
  what: 'at_once' | 'rate';
  /** When there is room again, where time alone makes it. */
  freeAt?: number;
}

/** A window is counted in so many parts: what it allows is used up to a twentieth less, and never more. */
const parts = 20;

/** What is remembered of a bound: how many were sent in which part of its window, and what was taken and not sent yet. */
interface Memory {
  sent: [part: number, count: number][];
  taken: string[];
}

interface Room {
  bound: Bound;
  memory: Memory;
  underWay: number;
  left: number;
}

/** Takes due runs that wait to be sent, at most so many of each lane and no more than the bounds of each leave. */
export async function leaseWithinLimits(
  database: Database,
  request: LeaseRequest & { picks: readonly LanePick[]; limits: readonly RunLimit[] },
): Promise<{ rows: RunRow[]; reached: Reached[] }> {
  const { picks, limits, now } = request;
  const bounds = new Map(
    picks.flatMap((pick) => boundsOf(limits, pick)).map((bound) => [keyOf(bound), bound]),
  );
  if (bounds.size === 0) return { rows: await leaseQueuedRuns(database, request), reached: [] };
  return database.transaction(async (queries) => {
    const rooms = await readRooms(queries, { bounds: [...bounds.values()], now, dialect: database.dialect });
    const roomsOf = (lane: Lane) => boundsOf(limits, lane).flatMap((bound) => rooms.get(keyOf(bound)) ?? []);
    const rows: RunRow[] = [];
    for (let open = [...picks]; open.length > 0; ) {
      const given = shareOut(open, roomsOf);
      const taken = await leaseLanes(queries, database.dialect, { ...request, picks: given });
      for (const row of taken) for (const room of roomsOf(row)) note(room, row.run_id, now);
      rows.push(...taken);
      open = afterTurn({ open, given, taken, roomsOf });
    }
    await writeMemories(queries, [...rooms.values()], now);
    return { rows, reached: [...rooms.values()].flatMap((room) => toReached(room, now)) };
  });
}

type LanePick = Lane & { limit: number };

/**
 * What lanes were given that had nothing due goes to the others: those that could have had more. Empty where nothing was
 * left over.
 */
function afterTurn(turn: {
  open: readonly LanePick[];
  given: readonly LanePick[];
  taken: readonly Lane[];
  roomsOf: (lane: Lane) => Room[];
}): LanePick[] {
  const { open, given, taken, roomsOf } = turn;
  const isSame = (one: Lane) => (other: Lane) =>
    one.provider === other.provider && one.subject === other.subject;
  let leftOver = 0;
  const further = open.flatMap((pick) => {
    const wanted = given.find(isSame(pick))?.limit ?? 0;
    const count = taken.filter(isSame(pick)).length;
    for (const room of roomsOf(pick)) room.left += wanted - count;
    leftOver += wanted - count;
    return count < wanted ? [] : [{ ...pick, limit: pick.limit - count }];
  });
  return leftOver === 0 ? [] : further.filter(({ limit }) => limit > 0);
}

function keyOf({ scope, value }: Pick<Bound, 'scope' | 'value'>): string {
  return `${scope} ${value}`;
}

/** In one order, so that of two replicas each waits for the other and none for both. */
async function readRooms(
  queries: Transaction<Schema>,
  { bounds, now, dialect }: { bounds: readonly Bound[]; now: number; dialect: Database['dialect'] },
): Promise<Map<string, Room>> {
  const keys = [...bounds].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  await queries
    .insertInto('run_limit_states')
    .values(keys.map(({ scope, value }) => ({ scope, scope_value: value, memory: noMemory, at: now })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const memories = await readMemories(queries, keys, { isLocked: dialect === 'postgres' });
  const waiting = await stillTaken(
    queries,
    [...memories.values()].flatMap(({ taken }) => taken),
    now,
  );
  const underWay = await countUnderWay(queries, keys);
  return new Map(
    keys.map((bound) => {
      const { sent, taken } = memories.get(keyOf(bound)) ?? { sent: [], taken: [] };
      const memory = {
        sent: withinWindow(sent, bound.rate, now),
        taken: taken.filter((id) => waiting.has(id)),
      };
      return [keyOf(bound), roomOf(bound, memory, underWay.get(keyOf(bound)) ?? 0)];
    }),
  );
}

async function readMemories(
  queries: Queries,
  keys: readonly Bound[],
  { isLocked = false } = {},
): Promise<Map<string, Memory>> {
  if (keys.length === 0) return new Map();
  const states = await queries
    .selectFrom('run_limit_states')
    .select(['scope', 'scope_value', 'memory'])
    .where((eb) => eb.or(keys.map(({ scope, value }) => eb.and({ scope, scope_value: value }))))
    .orderBy('scope')
    .orderBy('scope_value')
    .$if(isLocked, (query) => query.forUpdate())
    .execute();
  // as: `writeMemories` is the only writer of this column.
  return new Map(states.map((row) => [`${row.scope} ${row.scope_value}`, JSON.parse(row.memory) as Memory]));
}

const noMemory = JSON.stringify({ sent: [], taken: [] } satisfies Memory);

function roomOf(bound: Bound, memory: Memory, underWay: number): Room & { what: Reached['what'] } {
  const { atOnce = Number.POSITIVE_INFINITY, rate } = bound;
  const places = atOnce - underWay - memory.taken.length;
  const sends = rate === undefined ? Number.POSITIVE_INFINITY : rate.count - sentIn(memory);
  const left = Math.max(0, Math.min(places, sends));
  return { bound, memory, underWay, left, what: sends < places ? 'rate' : 'at_once' };
}

function sentIn({ sent }: Memory): number {
  return sent.reduce((sum, [, count]) => sum + count, 0);
}

function partMsOf({ windowMs }: SendRate): number {
  return Math.max(1, Math.ceil(windowMs / parts));
}

function withinWindow(sent: Memory['sent'], rate: SendRate | undefined, now: number): Memory['sent'] {
  if (rate === undefined) return [];
  const current = Math.floor(now / partMsOf(rate));
  return sent.filter(([part]) => part >= current - parts);
}

/** Runs that somebody took and has neither sent nor given back. */
async function stillTaken(queries: Queries, ids: readonly string[], now: number): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await queries
    .selectFrom('runs')
    .select('run_id')
    .where('run_id', 'in', [...new Set(ids)])
    .where('phase', '=', 'queued')
    .where('lease_until', '>', now)
    .execute();
  return new Set(rows.map(({ run_id: id }) => id));
}

/** Written out, not bound: only then are the partial indexes used. */
const isUnderWay = sql`phase in ('submitting', 'running')`;

/** What has been sent, or may have been, and has not ended at its platform. */
async function countUnderWay(queries: Queries, keys: readonly Bound[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const scope of runLimitScopes) {
    const values = keys
      .filter((key) => key.scope === scope && key.atOnce !== undefined)
      .map(({ value }) => value);
    if (values.length === 0) continue;
    const column = sql.ref(scope);
    const { rows } = await sql<{ value: string; count: number | string }>`
      select ${column} as value, count(*) as count from runs
      where ${isUnderWay} and ${column} in (${sql.join(values)}) group by ${column}`.execute(queries);
    for (const { value, count } of rows) counts.set(keyOf({ scope, value }), Number(count));
  }
  return counts;
}

/** One each in turn, as long as each of a lane's rooms has some left. */
function shareOut(picks: readonly LanePick[], roomsOf: (lane: Lane) => Room[]): LanePick[] {
  const shares = picks.map((pick) => ({ pick, rooms: roomsOf(pick), count: 0 }));
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const share of shares) {
      if (share.count >= share.pick.limit) continue;
      if (share.rooms.some(({ left }) => left <= 0)) continue;
      for (const room of share.rooms) room.left -= 1;
      share.count += 1;
      isMoving = true;
    }
  }
  return shares.filter(({ count }) => count > 0).map(({ pick, count }) => ({ ...pick, limit: count }));
}

function note({ bound: { rate, atOnce }, memory }: Room, runId: string, now: number): void {
  if (atOnce !== undefined) memory.taken.push(runId);
  if (rate === undefined) return;
  const part = Math.floor(now / partMsOf(rate));
  const last = memory.sent.at(-1);
  if (last?.[0] === part) last[1] += 1;
  else memory.sent.push([part, 1]);
}

async function writeMemories(queries: Queries, rooms: readonly Room[], now: number): Promise<void> {
  for (const { bound, memory } of rooms) {
    await queries
      .updateTable('run_limit_states')
      .set({ memory: JSON.stringify(memory), at: now })
      .where('scope', '=', bound.scope)
      .where('scope_value', '=', bound.value)
      .where('memory', '<>', JSON.stringify(memory))
      .execute();
  }
}

function toReached({ bound, memory, underWay }: Room, now: number): Reached[] {
  const { scope, value, rate } = bound;
  const { left, what } = roomOf(bound, memory, underWay);
  if (left > 0) return [];
  const [first] = memory.sent;
  if (what === 'at_once' || rate === undefined || first === undefined) return [{ scope, value, what }];
  return [{ scope, value, what, freeAt: Math.max(now + 1, (first[0] + parts + 1) * partMsOf(rate)) }];
}

/** Forgets what is known of bounds that nothing was sent under for so long. */
export async function pruneRunLimits(queries: Queries, before: number): Promise<void> {
  await queries.deleteFrom('run_limit_states').where('at', '<', before).execute();
}

/** Where a run that waits to be sent stands: how many of its tenant's are before it at that platform, and what is full. */
export async function readQueuePlace(
  queries: Queries,
  row: Pick<RunRow, 'run_id' | 'provider' | 'subject' | 'send_rank' | 'created_at'>,
  { limits, now }: { limits: readonly RunLimit[]; now: number },
): Promise<{ before: number; full: (Bound & { what: Reached['what'] })[] }> {
  const rank = Number(row.send_rank ?? row.created_at);
  const { rows } = await sql<{ count: number | string }>`
    select count(*) as count from (
      select 1 from runs where phase = 'queued' and next_poll_at is not null and provider = ${row.provider}
        and subject = ${row.subject} and coalesce(send_rank, created_at) < ${rank} limit ${mostTold}
    ) as found`.execute(queries);
  const bounds = boundsOf(limits, row);
  const before = Number(rows[0]?.count ?? 0);
  if (bounds.length === 0) return { before, full: [] };
  const memories = await readMemories(queries, bounds);
  const underWay = await countUnderWay(queries, bounds);
  const full = bounds.flatMap((bound) => {
    const sent = withinWindow(memories.get(keyOf(bound))?.sent ?? [], bound.rate, now);
    const room = roomOf(bound, { sent, taken: [] }, underWay.get(keyOf(bound)) ?? 0);
    return room.left > 0 ? [] : [{ ...bound, what: room.what }];
  });
  return { before, full };
}

const mostTold = 10_000;

/** What is used of the rules that hold one tenant or one platform. */
export interface LimitUse extends RunRules {
  scope: RunLimitScope;
  value: string;
  /** What `atOnce` counts: sent and not ended at the platform, and taken to be sent just now. */
  underWay: number;
  /** What `rate` counts. */
  sent: number;
  waiting: number;
  /** What `open` counts. */
  unended: number;
  /** What keeps the next one waiting, and until when where time alone makes room. */
  full: Pick<Reached, 'what' | 'freeAt'> | undefined;
}

/** Of each that has a rule of its own, and of those with the most runs that one of everybody holds. */
export async function readLimitUses(
  queries: Queries,
  { limits, now, limit }: { limits: readonly RunLimit[]; now: number; limit: number },
): Promise<LimitUse[]> {
  const uses: LimitUse[] = [];
  for (const scope of runLimitScopes) {
    const own = limits.filter((one) => one.scope === scope).map(({ value }) => value);
    if (own.length === 0) continue;
    const counts = await countUnended(queries, { scope, values: own, limit });
    const none = { queued: 0, underWay: 0, unended: 0 };
    const values = new Set([...own.filter((value) => value !== everySubject), ...counts.keys()]);
    const bounds = [...values].map((value) => ({ scope, value, ...rulesOf(limits, { scope, value }) }));
    const memories = await readMemories(queries, bounds);
    const waiting = await stillTaken(
      queries,
      [...memories.values()].flatMap(({ taken }) => taken),
      now,
    );
    for (const bound of bounds) {
      const { queued, underWay, unended } = counts.get(bound.value) ?? none;
      const known = memories.get(keyOf(bound));
      const taken = (known?.taken ?? []).filter((id) => waiting.has(id));
      const memory = { sent: withinWindow(known?.sent ?? [], bound.rate, now), taken };
      const [full] = toReached(roomOf(bound, memory, underWay), now);
      uses.push({
        ...{ ...bound, unended, full, sent: sentIn(memory) },
        ...{ underWay: underWay + taken.length, waiting: Math.max(0, queued - taken.length) },
      });
    }
  }
  return uses;
}

async function countUnended(
  queries: Queries,
  { scope, values, limit }: { scope: RunLimitScope; values: readonly string[]; limit: number },
): Promise<Map<string, { queued: number; underWay: number; unended: number }>> {
  const column = sql.ref(scope);
  const isNamed = sql`${column} in (${sql.join([...values])})`;
  const isEverybodys = values.includes(everySubject);
  const { rows } = await sql<Record<'queued' | 'under_way' | 'unended', number | string> & { value: string }>`
    select ${column} as value, count(*) as unended, sum(case when phase = 'queued' then 1 else 0 end) as queued,
      sum(case when ${isUnderWay} then 1 else 0 end) as under_way
    from runs where phase <> 'done' and ${isEverybodys ? sql`true` : isNamed} group by ${column}
    order by case when ${isNamed} then 0 else 1 end, unended desc, value limit ${values.length + limit} + 0`.execute(
    queries,
  );
  return new Map(
    rows.map(({ value, queued, under_way: underWay, unended }) => [
      value,
      { queued: Number(queued), underWay: Number(underWay), unended: Number(unended) },
    ]),
  );
}

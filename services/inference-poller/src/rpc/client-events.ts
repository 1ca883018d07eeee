/**
 * What a caller's clients are told of what happened. Nothing is kept for anybody: a cursor says from when on its holder has not been
 * told, and what they have been told of the last seconds, since what is written last is not always what is stamped last.
 */
import { createHash } from 'node:crypto';
import type { Handler } from '@inferry/bus';
import type { ClientEvent, ClientEventName, readClientEvents } from '@inferry/contracts';
import { listCatalogChanges, listFinishedRuns, listTimelines, readBudgetStates } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { rulesFor } from '../runs/run-cost.ts';
import { toRfc3339 } from '../runs/run-document.ts';

const Place = z.object({ from: z.number(), told: z.array(z.string()) });
type Place = z.infer<typeof Place>;
const cursors = createCursors({ place: Place, of: 'event' });

/** How late a row may be seen after the moment that it is stamped with. */
const overlapMs = 10_000;
/** A cursor has a bound: beyond so many told events of the last seconds it goes by time alone. */
const maxTold = 120;
/** Nobody is told of what is older. */
const longestReplayMs = 7 * 86_400_000;

interface Happened {
  event: ClientEvent;
  at: number;
  mark: string;
}

/** Whose events are read. */
interface Reader {
  subject: string;
  client?: string | undefined;
}

type Asked = Omit<z.output<typeof readClientEvents.input>, 'max_age_ms'> & {
  max_age_ms?: number | undefined;
};

interface Wanted {
  reader: Reader;
  args: { run_id?: string | undefined; provider?: string | undefined };
  from: number;
  /** Where the cursor itself stands, however little of what happened since its reader wants. */
  heldFrom: number;
  limit: number;
}

type Deps = Pick<InferenceDeps, 'database' | 'money' | 'now'>;

export function handleReadClientEvents(deps: Deps): Handler<typeof readClientEvents> {
  return (asked, { principal }) => readEventsFor(deps, principal, asked);
}

/** What happened since a cursor, and where to go on; without a cursor nothing. Throws `invalid_cursor`. */
export async function readEventsFor(
  deps: Deps,
  reader: Reader,
  { name, arguments: args, cursor, max_age_ms: maxAgeMs, limit }: Asked,
): Promise<z.output<typeof readClientEvents.output>> {
  const query = [reader.subject, name, args];
  const now = deps.now();
  const held = cursor === null ? undefined : cursors.read(query, cursor);
  const floor = now - Math.min(maxAgeMs ?? longestReplayMs, longestReplayMs);
  const start = held ?? { from: now - overlapMs, told: [] };
  const from = Math.max(start.from, floor);
  const all = await happened(deps, name, {
    ...{ reader, args, from, heldFrom: start.from },
    limit: held === undefined ? maxTold + 1 : start.told.length + limit + 1,
  });
  const told = new Set(start.told);
  const isNew = ({ mark, at }: Happened) => held !== undefined && !told.has(mark) && at >= floor;
  const fresh = all.filter(isNew).slice(0, limit);
  const hasMore = all.filter(isNew).length > limit;
  const next = toPlace(
    all.filter((one) => !isNew(one) || fresh.includes(one)),
    { from, reached: hasMore ? (fresh.at(-1)?.at ?? now) : now, isState: name === 'budget.reached' },
  );
  return {
    events: fresh.map(({ event }) => event),
    cursor: cursors.write(query, next),
    // What was told of the overlap is no gap.
    truncated: held !== undefined && held.from + overlapMs < floor,
    has_more: hasMore,
  };
}

function toPlace(
  known: readonly Happened[],
  { from, reached, isState }: { from: number; reached: number; isState: boolean },
): Place {
  const next = Math.max(from, reached - overlapMs);
  const kept = known.filter(({ at }) => isState || at >= next);
  const last = kept.slice(-maxTold);
  // The others of the first moment that is kept would be told twice, and never be left out.
  const first = kept.length > maxTold ? (last[0]?.at ?? next) : next;
  return { from: Math.max(next, first), told: last.map(({ mark }) => mark) };
}

function happened(deps: Deps, name: ClientEventName, wanted: Wanted): Promise<Happened[]> {
  return readers[name](deps, wanted);
}

const readers: Readonly<Record<ClientEventName, (deps: Deps, wanted: Wanted) => Promise<Happened[]>>> = {
  async 'run.finished'({ database }, { reader, args, from, limit }) {
    const since = { subject: reader.subject, runId: args.run_id, from, limit };
    return (await listFinishedRuns(database.queries, since)).map(
      ({ run_id: id, client_ref: ref, ...run }) => {
        const data = {
          run_id: id,
          status: run.status,
          model: run.model,
          ...(ref !== null && { client_ref: ref }),
        };
        // A run that was given up and went on after all ends twice: the second end is not taken for the first.
        return toHappened('run.finished', `${id}:finished:${run.at}`, { at: run.at, data });
      },
    );
  },
  async 'run.progressed'({ database }, { reader, args, from, limit }) {
    const since = { subject: reader.subject, runId: args.run_id, from, limit };
    return (await listTimelines(database.queries, since)).map(({ run_id: id, seq, at, status, note }) =>
      toHappened('run.progressed', `${id}:${seq}`, { at, data: { run_id: id, status, note } }),
    );
  },
  async 'catalog.changed'({ database }, { args, from, limit }) {
    const changes = await listCatalogChanges(database.queries, { provider: args.provider, from, limit });
    return changes.map(({ provider, version, models, at }) =>
      toHappened('catalog.changed', `${provider}:${version}`, { at, data: { provider, models } }),
    );
  },
  async 'budget.reached'({ database, money, now }, { reader: { subject, client = '' }, heldFrom }) {
    const rules = { ...rulesFor(money, 'USD'), now: now() };
    const states = await readBudgetStates(database.queries, { subject, client, mount: '' }, rules);
    const reached = states.filter(
      ({ limitMicros, spentMicros, heldMicros }) => spentMicros + heldMicros >= limitMicros,
    );
    return reached.map(({ scope, value, period, currency, resetsAt }) => {
      const ends = resetsAt === undefined ? {} : { resets_at: toRfc3339(resetsAt) };
      const data = { scope, period, currency, ...ends };
      const budget = [scope, value, period, currency];
      const mark = digestOf([...budget, resetsAt ?? '']).slice(0, 8);
      // One without periods is reached anew after it had room: the cursor that saw it full then is another one.
      const id = `budget:${digestOf([...budget, resetsAt ?? heldFrom]).slice(0, 22)}`;
      return { ...toHappened('budget.reached', id, { at: now(), data }), mark };
    });
  },
};

function digestOf(key: unknown): string {
  return createHash('sha256').update(JSON.stringify(key)).digest('base64url');
}

function toHappened(
  name: ClientEventName,
  id: string,
  { at, data }: { at: number; data: Record<string, unknown> },
): Happened {
  const mark = createHash('sha256').update(id).digest('base64url').slice(0, 8);
  return { mark, at, event: { event_id: id, name, timestamp: new Date(at).toISOString(), data } };
}

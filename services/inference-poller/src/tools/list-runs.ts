import type { Handler, HandlerContext } from '@inferry/bus';
import {
  callOf,
  clip,
  listRuns,
  mostThatIsShort,
  type Problem,
  prepareRun,
  type Run,
  toAppError,
  validationFailed,
} from '@inferry/contracts';
import { countRunRows, listRunRows, type RunRow } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { toListedRun, toRun } from '../runs/run-document.ts';
import { readTags } from '../runs/run-request.ts';

const Place = z.object({ createdAt: z.number(), runId: z.string() });
type Place = z.infer<typeof Place>;

const cursors = createCursors({ place: Place, of: 'list' });

const defaultLimit = 20;
const numberedLimit = 10;
/** A list that is longer is not counted: that would cost more than it tells. */
const maxCounted = 10_000;

/** The caller's runs, newest first (MR-34), each with what came of it; without a limit, as many as cost little to read. */
export function handleListRuns(deps: InferenceDeps): Handler<typeof listRuns> {
  return async (asked, context) => {
    const { subject } = context.principal;
    const problems: Problem[] = [];
    const tags = readTags(asked.metadata ?? {}, problems);
    if (problems.length > 0) throw validationFailed(callOf(listRuns), problems);
    const { status, model, provider, since, limit, page_number: number } = asked;
    const query = [subject, status, model, provider, since, tags];
    const page = toPageWish(asked, query);
    const listing = await find(deps, { wanted: toWanted(asked, { subject, tags }), page }, context);
    // Whoever gives a limit is shown all of each.
    const isShort = limit === undefined ? context.isShort : undefined;
    const most = Math.min(listing.found.rows.length, page.limit);
    if (number !== undefined)
      return toNumberedPage(listing, { most, isShort, isTold: asked.with_upstream === true });
    const toReply = (count: number) => toCursorPage(listing, count, query);
    if (isShort === undefined) return toReply(most);
    return toReply(mostThatIsShort(Math.min(1, most), most, (count) => isShort(toReply(count))));
  };
}

type Asked = z.infer<typeof listRuns.input>;

function toWanted(
  { status, model, provider, since, any_of: words }: Asked,
  own: Pick<Wanted, 'subject' | 'tags'>,
): Wanted {
  return {
    ...own,
    status,
    model,
    provider,
    anyOf: words?.map(({ is_not: isNot, ...word }) => ({ ...word, isNot })),
    since: since === undefined ? undefined : Date.parse(since),
  };
}

function toPageWish({ cursor, limit, page_number: number }: Asked, query: readonly unknown[]): PageWish {
  const size = limit ?? (number === undefined ? defaultLimit : numberedLimit);
  return {
    before: cursor === undefined ? undefined : cursors.read(query, cursor),
    offset: number === undefined ? undefined : (number - 1) * size,
    limit: size,
  };
}

interface Listing {
  found: Found;
  /** Why there are none. */
  hint?: string | undefined;
}

function toCursorPage({ found, hint }: Listing, count: number, query: readonly unknown[]): Page {
  const last = found.rows[count - 1];
  const hasMore = found.rows.length > count && last !== undefined;
  const place = hasMore ? { createdAt: last.created_at, runId: last.run_id } : undefined;
  return {
    items: found.rows.slice(0, count).map(toListedRun),
    page: {
      ...(found.total === undefined ? {} : { total: found.total }),
      ...(place === undefined ? {} : { next_cursor: cursors.write(query, place) }),
    },
    ...(found.rows.length > 0 || hint === undefined ? {} : { hint }),
  };
}

/** A page by its number has all of its runs: the first of them with what came of it, the rest as short as need be. */
function toNumberedPage(
  { found: { rows, total }, hint }: Listing,
  asked: { most: number; isTold: boolean; isShort: ((reply: Page) => boolean) | undefined },
): Page {
  const { most, isTold, isShort } = asked;
  const runs = rows.slice(0, most).map((row) => {
    const { upstream } = isTold ? toRun(row, { text: undefined }) : {};
    const { next_action: _rest, ...run } = toListedRun(row);
    return { ...run, ...(upstream !== undefined && { upstream }) };
  });
  const toPage = (count: number, rest: (run: Run) => Run): Page => ({
    items: runs.map((run, at) => (at < count ? run : rest(run))),
    page: total === undefined ? {} : { total },
    ...(runs.length > 0 || hint === undefined ? {} : { hint }),
  });
  if (isShort === undefined) return toPage(most, (run) => run);
  const rest = isShort(toPage(0, withoutOutputs)) ? withoutOutputs : named;
  return toPage(
    mostThatIsShort(0, most, (count) => isShort(toPage(count, rest))),
    rest,
  );
}

type Page = z.infer<typeof listRuns.reply>;

function withoutOutputs({ outputs: _outputs, cost: _cost, client_ref: _ref, ...run }: Run): Run {
  return run;
}

function named({ run_id, status, upstream }: Run): Run {
  return { run_id, status, ...(upstream !== undefined && { upstream }) };
}

/** What is there, by whatever name the model goes; why nothing is, where a filter names what nobody knows. */
async function find(
  deps: InferenceDeps,
  { wanted, page }: { wanted: Wanted; page: PageWish },
  context: HandlerContext,
): Promise<Listing> {
  const found = await read(deps, wanted, page);
  const { model, provider } = wanted;
  if (found.rows.length > 0) return { found };
  if (model === undefined) return { found, hint: hintFor(deps, provider) };
  const known = await resolve(deps, model, context);
  if (known.model === undefined || known.model === model) return { found, hint: known.hint };
  return { found: await read(deps, { ...wanted, model: known.model }, page) };
}

interface PageWish {
  before: Place | undefined;
  offset?: number | undefined;
  limit: number;
}

interface Found {
  rows: RunRow[];
  total: number | undefined;
}

type Wanted = Omit<Parameters<typeof listRunRows>[1], 'before' | 'offset' | 'limit'>;

async function read(
  { database: { queries } }: InferenceDeps,
  wanted: Wanted,
  { before, offset, limit }: PageWish,
): Promise<Found> {
  const [rows, total] = await Promise.all([
    listRunRows(queries, { ...wanted, before, offset, limit: limit + 1 }),
    countRunRows(queries, wanted, maxCounted),
  ]);
  return { rows, total };
}

/** A model by any name that `run_model` takes; no filter for what no model is called. */
async function resolve(
  { bus }: InferenceDeps,
  model: string,
  { principal, signal }: HandlerContext,
): Promise<{ model?: string; hint?: string }> {
  try {
    const prepared = await bus.call(prepareRun, { model, input: {} }, { principal, signal });
    return { model: prepared.wrapper ?? prepared.model };
  } catch (error) {
    const failure = toAppError(error);
    if (failure.code === 'cancelled') throw failure;
    if (failure.code !== 'model_not_found' && failure.code !== 'ambiguous_model') return {};
    return { hint: `${failure.message} ${failure.nextAction ?? ''}`.trim() };
  }
}

function hintFor({ providers }: InferenceDeps, provider: string | undefined): string | undefined {
  if (provider === undefined || providers.has(provider)) return undefined;
  return `No provider is called ${clip(provider, 40)}. Known: ${[...providers.keys()].join(', ')}.`;
}

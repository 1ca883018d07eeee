import type { Handler, HandlerContext } from '@inferry/bus';
import {
  clip,
  type listRuns,
  mostThatIsShort,
  type Problem,
  prepareRun,
  toAppError,
  validationFailed,
} from '@inferry/contracts';
import { countRunRows, listRunRows, type RunRow } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { readTags } from '../runs/check-run-request.ts';
import { toListedRun } from '../runs/short-run.ts';

const Place = z.object({ createdAt: z.number(), runId: z.string() });
type Place = z.infer<typeof Place>;

const cursors = createCursors({ place: Place, of: 'list' });

const defaultLimit = 20;
/** A list that is longer is not counted: that would cost more than it tells. */
const maxCounted = 10_000;

/** The caller's runs, newest first (MR-34), each with what came of it; without a limit, as many as cost little to read. */
export function handleListRuns(deps: InferenceDeps): Handler<typeof listRuns> {
  return async ({ limit, cursor, ...filter }, context) => {
    const { subject } = context.principal;
    const problems: Problem[] = [];
    const tags = readTags(filter.metadata ?? {}, problems);
    if (problems.length > 0) throw validationFailed('list_runs', problems);
    const { status, model, provider, since } = filter;
    const query = [subject, status, model, provider, since, tags];
    const before = cursor === undefined ? undefined : cursors.read(query, cursor);
    const wanted: Wanted = {
      subject,
      status,
      model,
      provider,
      since: since === undefined ? undefined : Date.parse(since),
      tags,
    };
    const page = { before, limit: limit ?? defaultLimit };
    const { found, hint } = await find(deps, { wanted, page }, context);
    const toReply = (count: number) => {
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
    };
    const most = Math.min(found.rows.length, page.limit);
    if (limit !== undefined) return toReply(most);
    return toReply(mostThatIsShort(Math.min(1, most), most, (count) => context.isShort(toReply(count))));
  };
}

/** What is there, by whatever name the model goes; why nothing is, where a filter names what nobody knows. */
async function find(
  deps: InferenceDeps,
  { wanted, page }: { wanted: Wanted; page: PageWish },
  context: HandlerContext,
): Promise<{ found: Found; hint?: string | undefined }> {
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
  limit: number;
}

interface Found {
  rows: RunRow[];
  total: number | undefined;
}

type Wanted = Omit<Parameters<typeof listRunRows>[1], 'before' | 'limit'>;

async function read(
  { database: { queries } }: InferenceDeps,
  wanted: Wanted,
  { before, limit }: PageWish,
): Promise<Found> {
  const [rows, total] = await Promise.all([
    listRunRows(queries, { ...wanted, before, limit: limit + 1 }),
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

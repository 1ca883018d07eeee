/** The tools of batches: start one, look at one or all, stop one. */
import type { Handler, HandlerContext } from '@inferry/bus';
import {
  AppError,
  callOf,
  type cancelBatch,
  getBatch,
  hint,
  mostThatIsShort,
  type runBatch,
} from '@inferry/contracts';
import {
  type BatchRow,
  type BatchState,
  findBatch,
  findBatchByKey,
  listBatches,
  listBatchRuns,
  readBatchState,
  requestBatchCancel,
} from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import { filesOf } from '../batches/batch-files.ts';
import { statusOfBatch, toBatch, toItem, variedOf } from '../batches/batch-view.ts';
import { startBatch, tryBatch } from '../batches/start-batch.ts';
import type { InferenceDeps } from '../deps.ts';
import { sleep } from '../timings.ts';

type Reply = Awaited<ReturnType<Handler<typeof getBatch>>>;

/** What remains for reading and sending the answer after a wait. */
const answerMs = 1_500;
const defaultLimit = 20;

const ItemPlace = z.object({ rank: z.number(), index: z.number() });
const itemCursors = createCursors({ place: ItemPlace, of: 'batch' });
const BatchPlace = z.object({ createdAt: z.number(), batchId: z.string() });
const batchCursors = createCursors({ place: BatchPlace, of: 'list' });

export function handleRunBatch(deps: InferenceDeps): Handler<typeof runBatch> {
  return async (args, context) => {
    if (args.dry_run === true) return tryBatch(deps, args, context);
    const { row, isNew } = await startBatch(deps, args, context);
    const waitSeconds = args.wait_seconds ?? context.wait.defaultSeconds;
    const reply = await outcomeOf(deps, row, { waitSeconds, context });
    return isNew ? reply : { ...reply, replayed: true };
  };
}

export function handleGetBatch(deps: InferenceDeps): Handler<typeof getBatch> {
  return async (args, context) => {
    const { subject } = context.principal;
    const { batch_id: batchId, client_ref: ref, wait_seconds: waitSeconds = 0 } = args;
    if (batchId === undefined && ref === undefined) return listOwn(deps, args, context);
    const row =
      batchId === undefined
        ? await findBatchByKey(deps.database.queries, subject, `ref:${ref}`)
        : await findBatch(deps.database.queries, { subject, batchId });
    if (row === undefined) throw notFound();
    return outcomeOf(deps, row, { waitSeconds, context, page: args });
  };
}

/** Starts no more of it, and stops what is under way as far as its platform can. */
export function handleCancelBatch(deps: InferenceDeps): Handler<typeof cancelBatch> {
  return async ({ batch_id: batchId }, context) => {
    const { subject } = context.principal;
    const row = await findBatch(deps.database.queries, { subject, batchId });
    if (row === undefined) throw notFound();
    if (await requestBatchCancel(deps.database.queries, { batchId, at: deps.now() }))
      deps.batches.wake(batchId);
    const waitSeconds = deps.timings.cancelWaitMs / 1_000;
    const { batch } = await outcomeOf(deps, row, { waitSeconds, context });
    return { batch };
  };
}

function notFound(): AppError {
  return new AppError('run_not_found', 'You have no such batch.', {
    nextAction: hint`${callOf(getBatch)} shows your batches.`,
  });
}

interface Wish {
  waitSeconds: number;
  context: HandlerContext;
  page?: Pick<z.infer<typeof getBatch.input>, 'status' | 'limit' | 'cursor'>;
}

/** The batch at its end, or as it stands when the wait is over; with as many of its runs as cost little to read. */
async function outcomeOf(deps: InferenceDeps, started: BatchRow, wish: Wish): Promise<Reply> {
  const { context, page = {} } = wish;
  const { row, state } = await waitFor(deps, started, wish);
  const files = await filesOf(deps, row, context);
  const batch = toBatch(row, state, { files, waitSeconds: context.wait.defaultSeconds });
  const { status, limit, cursor } = page;
  const query = [row.batch_id, status ?? null];
  const size = limit ?? defaultLimit;
  const rows = await listBatchRuns(deps.database.queries, {
    batchId: row.batch_id,
    status,
    after: cursor === undefined ? undefined : itemCursors.read(query, cursor),
    limit: size + 1,
  });
  const varied = variedOf(row);
  const most = Math.min(rows.length, size);
  const total = status === undefined ? row.total : (state.counts[status] ?? 0);
  const toReply = (count: number): Reply => {
    const last = rows[count - 1];
    const at = last === undefined ? undefined : { rank: last.rank, index: last.batch_index ?? 0 };
    const isMore = rows.length > count && at !== undefined;
    return {
      batch,
      ...(count === 0 ? {} : { items: rows.slice(0, count).map((one) => ({ ...toItem(one, varied) })) }),
      page: { total, ...(isMore && { next_cursor: itemCursors.write(query, at) }) },
    };
  };
  if (limit !== undefined) return toReply(most);
  return toReply(mostThatIsShort(0, most, (count) => context.isShort(toReply(count))));
}

async function listOwn(
  deps: InferenceDeps,
  { limit, cursor }: z.infer<typeof getBatch.input>,
  context: HandlerContext,
): Promise<Reply> {
  const { subject } = context.principal;
  const query = [subject];
  const size = limit ?? defaultLimit;
  const rows = await listBatches(deps.database.queries, {
    subject,
    before: cursor === undefined ? undefined : batchCursors.read(query, cursor),
    limit: size + 1,
  });
  const shown = await Promise.all(
    rows.slice(0, size).map(async (row) => {
      const { next_action: _next, ...batch } = toBatch(row, await readBatchState(deps.database.queries, row));
      return batch;
    }),
  );
  const toReply = (count: number): Reply => {
    const last = rows[count - 1];
    const isMore = rows.length > count && last !== undefined;
    const place = isMore ? { createdAt: last.created_at, batchId: last.batch_id } : undefined;
    return {
      batches: shown.slice(0, count),
      page: place === undefined ? {} : { next_cursor: batchCursors.write(query, place) },
    };
  };
  if (limit !== undefined) return toReply(shown.length);
  const least = Math.min(1, shown.length);
  return toReply(mostThatIsShort(least, shown.length, (count) => context.isShort(toReply(count))));
}

/** The batch once it is over, or when the time is; whoever waits hears how far it is. */
async function waitFor(
  deps: InferenceDeps,
  started: BatchRow,
  { waitSeconds, context }: Wish,
): Promise<{ row: BatchRow; state: BatchState }> {
  const { batch_id: batchId, subject } = started;
  const seconds = Math.min(waitSeconds, Math.max(context.wait.maxSeconds, 5), deps.maxWaitSeconds);
  const until = Math.min(Date.now() + seconds * 1_000, context.deadlineAt - answerMs);
  const over = AbortSignal.any([context.signal, context.draining]);
  let shown = -1;
  for (;;) {
    const row = (await findBatch(deps.database.queries, { subject, batchId })) ?? started;
    const state = await readBatchState(deps.database.queries, row);
    const done = row.total - state.waiting - state.underWay;
    const progress = row.total === 0 ? 1 : done / row.total;
    if (progress > shown) {
      shown = progress;
      const { failed = 0 } = state.counts;
      const message = `${done} of ${row.total} done${failed > 0 ? `, ${failed} failed` : ''}`;
      context.progress({ progress, message, data: { batch_id: batchId } });
    }
    const leftMs = until - Date.now();
    if (statusOfBatch(row, state) !== 'running' || leftMs <= 0 || over.aborted) return { row, state };
    await sleep(Math.min(deps.timings.rereadMs / 2, leftMs), over);
  }
}

/**
 * Gives the runs of batches their turn: as many at once as the batch says, as long as its money lasts. A replica looks when a
 * run of a batch ends there, and each looks now and then at those that nobody has looked at: a batch outlives whoever
 * began it.
 */
import { runCancelRequested, runQueued } from '@inferry/contracts';
import {
  advanceBatch,
  type BatchRow,
  type BatchState,
  type BatchStep,
  endQueuedRun,
  openBatchRuns,
  type RunRow,
  requestCancel,
  takeDueBatches,
  waitingRuns,
} from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { announceEnd, toRunEnd } from '../poller/end-run.ts';
import { rulesFor } from '../runs/run-cost.ts';
import { optionsOf } from '../runs/run-document.ts';
import { rankOf } from '../runs/run-request.ts';

const batchesPerLook = 50;
const endedAtOnce = 50;
/** In rereads: after so long another replica looks at a batch. */
const lookRereads = 2;

type Deps = Omit<InferenceDeps, 'batches'> & { batches: Pick<BatchDriver, 'wake'> };

export class BatchDriver {
  readonly #due = new Set<string>();
  #deps: Deps | undefined;
  #working: Promise<void> | undefined;
  #isStopped = false;

  start(deps: Deps): void {
    this.#deps = deps;
  }

  /** Looks at a batch soon: one of its runs has ended, or its owner wants something. */
  wake(batchId: string): void {
    if (this.#isStopped) return;
    this.#due.add(batchId);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    await this.#working;
  }

  /** Takes up the batches that nobody has looked at for a while. */
  async look(): Promise<void> {
    const deps = this.#deps;
    if (deps === undefined || this.#isStopped) return;
    const nextAt = deps.now() + deps.timings.rereadMs * lookRereads;
    const due = await takeDueBatches(deps.database, { now: deps.now(), nextAt, limit: batchesPerLook });
    for (const { batch_id: id } of due) this.wake(id);
  }

  async #work(): Promise<void> {
    const deps = this.#deps;
    if (deps === undefined) return;
    for (const batchId of this.#due) {
      this.#due.delete(batchId);
      if (this.#isStopped) return;
      try {
        await driveBatch(deps, batchId);
      } catch (error) {
        // It is due again soon, here or elsewhere.
        deps.log.warn({ batchId, err: error }, 'a batch could not be driven on');
      }
    }
  }
}

/** Brings a batch as far as it can go now. */
async function driveBatch(deps: Deps, batchId: string): Promise<void> {
  for (;;) {
    const now = deps.now();
    const taken = await advanceBatch(deps.database, batchId, {
      now,
      rankOf: (row) => rankOf(optionsOf(row).priority ?? 'low', now),
      decide: (batch, state) => stepOf(deps, batch, state),
    });
    if (taken === undefined) return;
    const { batch, step, released } = taken;
    for (const { run_id, provider } of released)
      deps.bus.publish(runQueued, { run_id, provider, by: deps.replica });
    if (batch.cancel_requested_at !== null) await cancelOpen(deps, batch);
    if (step === 'finish')
      deps.log.info({ batchId, model: batch.model, total: batch.total }, 'batch finished');
    if (step !== 'stop') return;
    await endWaiting(deps, batch);
  }
}

function stepOf(deps: Deps, batch: BatchRow, state: BatchState): BatchStep {
  const { waiting, underWay } = state;
  if (waiting === 0) return underWay === 0 ? { kind: 'finish' } : { kind: 'wait' };
  if (batch.cancel_requested_at !== null) return { kind: 'stop', why: 'cancelled' };
  if (batch.stopped === 'max_cost') return { kind: 'stop', why: 'max_cost' };
  const free = batch.concurrency - underWay;
  if (free <= 0) return { kind: 'wait' };
  const runs = (rows: readonly RunRow[]) => affordable(deps, { batch, state }, rows);
  return { kind: 'release', limit: free, runs };
}

/** The first of those that wait for which the batch has money, by what all before them cost or may yet cost. */
function affordable(
  deps: Deps,
  { batch, state }: { batch: BatchRow; state: BatchState },
  rows: readonly RunRow[],
): readonly RunRow[] {
  const { max_cost_micros: most, currency } = batch;
  if (most === null) return rows;
  const capMicros = rulesFor(deps.money, currency).unpriced?.capMicros ?? 0;
  const { chargedMicros, estimatedUnderWayMicros, unpricedUnderWay } = state;
  let spent = chargedMicros + estimatedUnderWayMicros + unpricedUnderWay * capMicros;
  const beyond = rows.findIndex(({ estimated_micros: estimated }) => {
    spent += estimated ?? capMicros;
    return spent > most;
  });
  return beyond === -1 ? rows : rows.slice(0, beyond);
}

/** Ends runs that never get their turn: nothing was sent, and nothing is charged. */
async function endWaiting(deps: Deps, batch: BatchRow): Promise<void> {
  const rows = await waitingRuns(deps.database.queries, batch.batch_id, endedAtOnce);
  const why = batch.stopped === 'max_cost' ? 'max_cost of its batch was reached' : 'its batch was cancelled';
  for (const row of rows) await endUnsent(deps, row, `${why} before it was sent`);
}

async function endUnsent(deps: Deps, row: RunRow, note: string): Promise<boolean> {
  const { run_id: runId, subject } = row;
  const end = toRunEnd(deps, row, { status: 'cancelled', note, charge: 'none' });
  const ended = await endQueuedRun(deps.database, { runId, subject }, end);
  if (ended !== undefined) announceEnd(deps, ended);
  return ended !== undefined;
}

/** Stops what is under way, as `cancel_run` does with each. */
async function cancelOpen(deps: Deps, { batch_id: batchId }: BatchRow): Promise<void> {
  for (const row of await openBatchRuns(deps.database.queries, batchId)) {
    const { run_id: runId, subject, cancel_requested_at: asked } = row;
    if (asked !== null || deps.providers.get(row.provider)?.capabilities.cancel === 'none') continue;
    if (await endUnsent(deps, row, 'cancelled with its batch before it was sent')) continue;
    await requestCancel(deps.database.queries, { runId, subject, at: deps.now() });
    deps.bus.publish(runCancelRequested, { run_id: runId });
  }
}

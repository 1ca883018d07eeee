import { argumentOf, hint, runModel } from '@inferry/contracts';
import type { JobHandle, Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { storeOutputs } from '../outputs/store-outputs.ts';
import { outputsOf } from '../runs/run-document.ts';
import { backoffMs } from '../timings.ts';
import { endRun } from './end-run.ts';
import { isCancelDue, isProcessJob, nextPollAt, pollRun, takeView, watchRun } from './follow-run.ts';
import { type HeldRun, LeaseLost, releaseRun, type ToldJob } from './held-run.ts';
import { reconcileProcessJob, reconcileSubmit } from './recover-run.ts';
import type { Stages } from './stages.ts';
import { keepHandle, submitRun } from './submit-run.ts';

/** What a replica knows besides the row. */
export interface DriveContext {
  /** Runs whose job lives in this process, with its handle. */
  localJobs: Map<string, string>;
  /** Fires when remote work is to be handed over. */
  draining: AbortSignal;
  /** Fires when local jobs are to be handed over as well. */
  abandoning: AbortSignal;
  stages: Pick<Stages, 'enter' | 'enterWhenFree' | 'canHold' | 'sendingStage'>;
}

const unknownProviderRetryMs = 10_000;

/** Takes a held run as far as it can go now: each step ends it, gives it back, or brings it to the next phase. */
export async function driveRun(deps: InferenceDeps, held: HeldRun, context: DriveContext): Promise<void> {
  const { run_id: runId } = held.row;
  try {
    while (held.isHeld) await step(deps, held, context);
  } catch (error) {
    if (error instanceof LeaseLost || held.lost.signal.aborted) {
      deps.log.info({ runId }, 'run is in other hands');
      return;
    }
    deps.log.error({ runId, err: error }, 'a step of a run failed');
    await putBack(deps, held);
  } finally {
    held.isHeld = false;
    noteLocalJob(deps, held, context);
  }
}

async function step(deps: InferenceDeps, held: HeldRun, context: DriveContext): Promise<void> {
  const { row } = held;
  const provider = deps.providers.get(row.provider);
  if (row.phase === 'queued' && row.cancel_requested_at !== null) return cancelQueued(deps, held);
  if (row.phase === 'queued' && deps.now() >= row.deadline_at) return expireQueued(deps, held);
  if (provider === undefined) return withoutProvider(deps, held);
  switch (row.phase) {
    case 'queued':
      if (context.draining.aborted) return releaseRun(deps, held, { at: deps.now() });
      context.stages.enter(held, context.stages.sendingStage(provider));
      await submitRun(deps, held, provider);
      break;
    case 'submitting':
      if (held.told?.handle !== undefined) await keepToldHandle(deps, held, held.told.handle);
      else await reconcileSubmit(deps, held, provider);
      break;
    case 'running':
      return follow(deps, held, { provider, context });
    case 'storing':
      if (isLostWithItsProcess(held, provider, context)) return reconcileProcessJob(deps, held, provider);
      // Until it is its turn it counts as followed: whatever it held before is free for the next one.
      context.stages.enter(held, 'follow');
      if (!(await context.stages.enterWhenFree(held, 'store'))) throw new LeaseLost();
      return storeOutputs(deps, held, provider);
    default:
      throw new Error(`a run has the unknown phase ${row.phase}`);
  }
  noteLocalJob(deps, held, context);
}

/** A job that this process alone can follow is remembered until its run is over, also while another holds the run. */
function noteLocalJob(deps: InferenceDeps, held: HeldRun, { localJobs }: DriveContext): void {
  const { run_id: runId, provider: slug, phase, handle } = held.row;
  const provider = deps.providers.get(slug);
  if (phase === 'done' || handle === null) localJobs.delete(runId);
  else if (held.hasOwnJob && provider !== undefined && isProcessJob(provider, held)) {
    localJobs.set(runId, handle);
  }
}

function isHere({ row }: HeldRun, { localJobs }: DriveContext): boolean {
  return row.handle !== null && localJobs.get(row.run_id) === row.handle;
}

async function follow(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, context }: { provider: Provider; context: DriveContext },
): Promise<void> {
  if (held.told !== undefined) return takeTold(deps, held, held.told);
  const isProcess = isProcessJob(provider, held);
  if (isProcess && !isHere(held, context)) {
    await reconcileProcessJob(deps, held, provider);
    return noteLocalJob(deps, held, context);
  }
  if (isProcess) {
    // A job that computes keeps the place that it was given for that; an answer under way needs another kind.
    context.stages.enter(held, provider.capabilities.jobs === 'process' ? 'compute' : 'hold');
    return watchRun(deps, held, { provider, stop: context.abandoning });
  }
  if (context.draining.aborted) return releaseRun(deps, held, { at: deps.now() });
  if (provider.capabilities.watch && context.stages.canHold(held)) {
    context.stages.enter(held, 'hold');
    return watchRun(deps, held, { provider, stop: context.draining });
  }
  context.stages.enter(held, 'follow');
  return pollRun(deps, held, provider);
}

/** The reply of the submit was lost, and here is the job that it started. */
async function keepToldHandle(deps: InferenceDeps, held: HeldRun, handle: JobHandle): Promise<void> {
  const view = held.told?.view;
  held.told = undefined;
  await keepHandle(deps, held, { handle, view });
}

/** Its provider said how it stands: the next poll is due as after any other answer, or now where it only said that. */
async function takeTold(deps: InferenceDeps, held: HeldRun, { view }: ToldJob): Promise<void> {
  held.told = undefined;
  if (view === undefined) return;
  await takeView(deps, held, view);
  if (!held.isHeld || held.row.phase !== 'running') return;
  const at = isCancelDue(held) ? deps.now() : nextPollAt(deps, held, view.pollAfterMs);
  await releaseRun(deps, held, { at });
}

/** Outputs that were only in the memory of a process that has ended. */
function isLostWithItsProcess(held: HeldRun, provider: Provider, context: DriveContext): boolean {
  if (!isProcessJob(provider, held) || held.finalView !== undefined) return false;
  const outputs = outputsOf(held.row);
  const isInMemory = 'pending' in outputs && outputs.pending.some((output) => output.isInMemory);
  return isInMemory && !isHere(held, context);
}

/** Its provider is not part of this deployment any more, or not yet of this replica. */
async function withoutProvider(deps: InferenceDeps, held: HeldRun): Promise<void> {
  if (deps.now() < held.row.deadline_at) {
    return releaseRun(deps, held, { at: deps.now() + unknownProviderRetryMs });
  }
  await endRun(deps, held, {
    status: 'expired',
    note: 'deadline passed, and its provider is not connected',
    error: {
      code: 'run_expired',
      message: `${held.row.provider} is not connected here any more, so nobody can tell how this run ended there.`,
      next_action: `Look at your account at ${held.row.provider}.`,
    },
    charge: 'assumed',
  });
}

/** Asked for while a submit was under way that turned out not to have been taken: it is not sent again. */
async function cancelQueued(deps: InferenceDeps, held: HeldRun): Promise<void> {
  await endRun(deps, held, { status: 'cancelled', note: 'cancelled before it was taken', charge: 'none' });
}

async function expireQueued(deps: InferenceDeps, held: HeldRun): Promise<void> {
  await endRun(deps, held, {
    status: 'expired',
    note: 'deadline passed before it was sent',
    error: {
      code: 'run_expired',
      message: 'The run was not taken by its provider before its deadline. Nothing was sent or charged.',
      next_action: `Run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}, or choose another model.`,
    },
    charge: 'none',
  });
}

/** After a fault of ours: tried again later; while the database fails, the lease runs out by itself. */
async function putBack(deps: InferenceDeps, held: HeldRun): Promise<void> {
  const attempts = held.row.poll_attempts + 1;
  const at = deps.now() + backoffMs(attempts, deps.timings, deps.random);
  try {
    await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
  } catch (error) {
    deps.log.warn({ runId: held.row.run_id, err: error }, 'a run could not be given back');
  }
}

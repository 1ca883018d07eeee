import { argumentOf, hint, runModel } from '@inferry/contracts';
import type { Provider, Recovery } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf, toRfc3339 } from '../runs/run-document.ts';
import { backoffMs, certainAt } from '../timings.ts';
import { endRun } from './end-run.ts';
import { callProvider, type HeldRun, LeaseLost, releaseRun } from './held-run.ts';
import { optionsPatch } from './submit-facts.ts';
import { keepHandle } from './submit-run.ts';

/** A job that takes its process down with it must not take down one after the other. */
const maxRestarts = 3;

/**
 * A list may show a job and then not, where several machines answer for it: so many answers in a row are wanted, all of them from
 * when it can be certain, before it is believed that there is none.
 */
const wantedAbsences = 3;

/**
 * `submitting` without an answer. Nothing is sent again before the platform has said that it took nothing, at a time when it
 * can take nothing any more; nothing is given up while somebody may still hold the answer.
 */
export async function reconcileSubmit(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const { row } = held;
  const { entry: kept, isWhole } = await deps.journal.look(row.run_id);
  if (kept?.handle !== undefined) {
    const { handle, submitted_at: submittedAt, token } = kept;
    const submit = { runId: row.run_id, submittedAt, token };
    await keepHandle(deps, held, { handle, view: undefined, submit });
    // Of a call that was held by a process before this one, the handle is all that there is.
    held.hasOwnJob = false;
    return;
  }
  // This process was stopped, or slow, and lost its lease: nobody judges what it is about to say itself.
  if (deps.insistence.willTell(row.run_id)) {
    return releaseRun(deps, held, { at: deps.now() + deps.timings.settleMs });
  }
  const isRemote = provider.capabilities.jobs === 'remote';
  const settledAt = (row.submitted_at ?? 0) + deps.timings.settleMs;
  if (isRemote && deps.now() < settledAt) return releaseRun(deps, held, { at: settledAt });
  const recovery = await ask(deps, held, provider);
  switch (recovery?.outcome) {
    case 'found':
      return keepHandle(deps, held, { handle: recovery.handle, view: undefined });
    case 'absent':
      return isRemote ? doubt(deps, held, provider) : sendAgain(deps, held);
    case 'unknown':
      return waitForHolder(deps, held, { provider, isWhole });
    default:
      return askLater(deps, held, provider);
  }
}

/** The platform says that it does not have it: believed when that can no longer change, and it says so again and again. */
async function doubt(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const { row } = held;
  const settledAt = certainAt(deps, row, provider);
  const now = deps.now();
  // What it said before says only how it stands.
  const absences = now < settledAt ? 0 : (optionsOf(row).absences ?? 0) + 1;
  if (absences >= wantedAbsences) return sendAgain(deps, held);
  const attempts = row.poll_attempts + 1;
  const waitMs = backoffMs(attempts, deps.timings, deps.random);
  // The last words are not before that time, and do not wait for longer than they must.
  const at = now < settledAt ? Math.min(now + waitMs, settledAt) : now + deps.timings.retryBaseMs;
  await releaseRun(deps, held, {
    at,
    patch: { poll_attempts: attempts, ...optionsPatch(row, { absences }) },
  });
}

/**
 * It is asked of this submit as well from now on: should it come to light after all, that is a job of this run. It waits for its turn
 * like any other that was not sent, since what bounds those that are under way counts it no more.
 */
async function sendAgain(deps: InferenceDeps, held: HeldRun): Promise<void> {
  const { row } = held;
  const { submits = 1, doubted = [] } = optionsOf(row);
  await releaseRun(deps, held, {
    at: deps.now(),
    patch: {
      ...{ phase: 'queued', submitted_at: null, poll_attempts: 0 },
      ...optionsPatch(row, { doubted: [...doubted, submits].slice(-8), absences: undefined }),
    },
    note: 'the provider never got it: it is sent again',
  });
  await deps.journal.forget(row.run_id);
}

/**
 * The platform cannot tell. Its sender may know, or find out; so may a webhook; so may the store in which an answer was noted, while
 * that is away. Where the sender itself lost the reply and no webhook can come, nobody is left to wait for.
 */
async function waitForHolder(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, isWhole }: { provider: Provider; isWhole: boolean },
): Promise<void> {
  const { row } = held;
  const settledAt = certainAt(deps, row, provider);
  const canBeTold = deps.hookUrls(row, provider) !== undefined;
  const isHopeless = optionsOf(row).replyLost === true && !canBeTold;
  const lastAt = isWhole ? settledAt : Math.max(settledAt, row.deadline_at);
  if (isHopeless || deps.now() >= lastAt) return failAsUnknown(deps, held);
  const attempts = row.poll_attempts + 1;
  const at = Math.min(deps.now() + backoffMs(attempts, deps.timings, deps.random), lastAt);
  await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
}

/**
 * `running` in a process that is not this one, or was: the job is looked for here, and started again where it is
 * certainly gone, which costs nothing.
 */
export async function reconcileProcessJob(
  deps: InferenceDeps,
  held: HeldRun,
  provider: Provider,
): Promise<void> {
  const recovery = await ask(deps, held, provider);
  if (recovery === undefined) return askLater(deps, held, provider);
  if (recovery.outcome === 'found') {
    return keepHandle(deps, held, { handle: recovery.handle, view: undefined });
  }
  if (recovery.outcome === 'unknown') return waitForCallHolder(deps, held);
  const options = optionsOf(held.row);
  const restarts = (options.restarts ?? 0) + 1;
  if (restarts > maxRestarts) {
    return endRun(deps, held, {
      status: 'failed',
      note: `its process ended ${restarts} times`,
      error: {
        code: 'generate_failed',
        message: `The process that ran this job ended ${restarts} times; it is not started again.`,
        next_action: 'Try a smaller input or another model.',
      },
      charge: 'reported',
    });
  }
  // In its turn, as a run that was not sent: a pause and bounds hold for it too.
  await releaseRun(deps, held, {
    at: deps.now(),
    patch: {
      phase: 'queued',
      status: 'queued',
      handle: null,
      submitted_at: null,
      progress: null,
      options: JSON.stringify({ ...options, restarts }),
    },
    note: 'its process has ended: it is started again',
  });
}

/** The process that holds the paid call takes its run back as soon as it can; one that is gone never does. */
async function waitForCallHolder(deps: InferenceDeps, held: HeldRun): Promise<void> {
  const { row } = held;
  const { unheardSince = deps.now(), replyLost } = optionsOf(row);
  const isOver = deps.now() >= unheardSince + deps.timings.submitSettlesMs;
  if (replyLost === true || isOver) return failAsUnknown(deps, held);
  await releaseRun(deps, held, {
    at: deps.now() + backoffMs(4, deps.timings, deps.random),
    patch: optionsPatch(row, { unheardSince }),
  });
}

async function ask(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<Recovery | undefined> {
  const { run_id: runId, native_id: nativeId, submitted_at: at, created_at: createdAt } = held.row;
  const { submits = 1, doubted = [], upstreamRef } = optionsOf(held.row);
  const attempts = [...new Set([...doubted, submits])];
  const request = {
    runId,
    nativeId,
    attempts,
    submittedAt: toRfc3339(at ?? createdAt),
    ...(upstreamRef === undefined ? {} : { clientRef: upstreamRef }),
  };
  try {
    return await callProvider(deps, held, {
      name: 'recover',
      timeoutMs: deps.timings.pollTimeoutMs,
      run: (providerContext) => provider.recover(request, providerContext),
    });
  } catch (error) {
    if (held.lost.signal.aborted) throw new LeaseLost();
    deps.log.warn({ runId, err: error }, 'the provider could not be asked what became of a submit');
    return undefined;
  }
}

/** Nobody answered. What was maybe sent is never sent again unasked, so that the deadline ends it as unknown. */
async function askLater(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const lastAt = Math.max(held.row.deadline_at, certainAt(deps, held.row, provider));
  if (deps.now() >= lastAt) return failAsUnknown(deps, held);
  const attempts = held.row.poll_attempts + 1;
  const at = deps.now() + backoffMs(attempts, deps.timings, deps.random);
  await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
}

async function failAsUnknown(deps: InferenceDeps, held: HeldRun): Promise<void> {
  const { row } = held;
  const { provider, run_id: runId, submitted_at: at } = row;
  await endRun(deps, held, {
    status: 'failed',
    note: 'nobody can tell whether the provider took it: not sent again',
    error: {
      code: 'submit_unknown',
      message: `The submit to ${provider} was sent and its reply was lost. ${provider} cannot tell whether it took the run, so it was not sent again; it may have been charged there.`,
      next_action: `Look at your account at ${provider}; if the run is not there, run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
      details: { provider, run_id: runId, ...(at === null ? {} : { submitted_at: toRfc3339(at) }) },
    },
    charge: 'assumed',
  });
  await deps.journal.forget(runId);
}

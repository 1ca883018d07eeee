import type { Provider, Recovery } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf } from '../runs/run-document.ts';
import { toRfc3339 } from '../runs/run-view.ts';
import { backoffMs } from '../timings.ts';
import { callProvider } from './call-provider.ts';
import { endRun } from './end-run.ts';
import { changeRun, type HeldRun, LeaseLost, releaseRun } from './held-run.ts';
import { keepHandle } from './submit-run.ts';

/** A job that takes its process down with it must not take down one after the other. */
const maxRestarts = 3;

/** `submitting` without an answer: nothing is sent again before the provider has said that it took nothing. */
export async function reconcileSubmit(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const isRemote = provider.capabilities.jobs === 'remote';
  const settledAt = (held.row.submitted_at ?? 0) + deps.timings.settleMs;
  if (isRemote && deps.now() < settledAt) return releaseRun(deps, held, { at: settledAt });
  const recovery = await ask(deps, held, provider);
  switch (recovery?.outcome) {
    case 'found':
      return keepHandle(deps, held, { handle: recovery.handle, view: undefined });
    case 'absent':
      return changeRun(deps, held, {
        patch: { phase: 'queued', submitted_at: null, next_poll_at: deps.now() },
        event: { at: deps.now(), note: 'the provider never got it: it is sent again' },
      });
    case 'unknown':
      return failAsUnknown(deps, held);
    default:
      return askLater(deps, held);
  }
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
  if (recovery === undefined) return askLater(deps, held);
  if (recovery.outcome === 'found') {
    return keepHandle(deps, held, { handle: recovery.handle, view: undefined });
  }
  if (recovery.outcome === 'unknown') return failAsUnknown(deps, held);
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
  await changeRun(deps, held, {
    patch: {
      phase: 'queued',
      status: 'queued',
      handle: null,
      submitted_at: null,
      progress: null,
      options: JSON.stringify({ ...options, restarts }),
    },
    event: { at: deps.now(), note: 'its process has ended: it is started again' },
  });
}

async function ask(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<Recovery | undefined> {
  const { run_id: runId, native_id: nativeId, submitted_at: at, created_at: createdAt } = held.row;
  const request = { runId, nativeId, submittedAt: toRfc3339(at ?? createdAt) };
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
async function askLater(deps: InferenceDeps, held: HeldRun): Promise<void> {
  if (deps.now() >= held.row.deadline_at) return failAsUnknown(deps, held);
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
      next_action: `Look at your account at ${provider}; if the run is not there, run again with a new client_ref.`,
      details: { provider, run_id: runId, ...(at === null ? {} : { submitted_at: toRfc3339(at) }) },
    },
    charge: 'assumed',
  });
}

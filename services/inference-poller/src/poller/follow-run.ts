import { argumentOf, hint, runModel } from '@inferry/contracts';
import type { JobView, Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { handleOf } from '../runs/run-document.ts';
import { backoffMs, pollDelayMs } from '../timings.ts';
import { callProvider } from './call-provider.ts';
import { askToCancel, cancelUpstream, isCancelDue } from './cancel-upstream.ts';
import { endRun } from './end-run.ts';
import { changeRun, type HeldRun, LeaseLost, releaseRun } from './held-run.ts';
import { takeView } from './take-view.ts';

/** A platform may answer some models in the call itself and keep jobs for others. */
export function isProcessJob(provider: Provider, { row }: HeldRun): boolean {
  return (
    (provider.jobsOf?.(row.native_id, row.handle === null ? undefined : handleOf(row)) ??
      provider.capabilities.jobs) === 'process'
  );
}

/** `running` at a platform: asks once and gives the run back until the next time (RF-24 to RF-26). */
export async function pollRun(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  if (isCancelDue(held)) {
    await cancelUpstream(deps, held, provider);
    if (!held.isHeld) return;
  }
  // Also past the deadline: what has ended while nobody looked is paid for and wanted.
  const view = await pollOnce(deps, held, provider);
  if (view !== undefined) await takeView(deps, held, view);
  if (!held.isHeld || held.row.phase !== 'running') return;
  // Its provider told something meanwhile: that comes before the next wait.
  if (held.told !== undefined) return;
  if (deps.now() >= held.row.deadline_at) return expireRun(deps, held, provider);
  const at = view === undefined ? retryPollAt(deps, held) : nextPollAt(deps, held, view.pollAfterMs);
  await releaseRun(deps, held, { at });
}

/**
 * A poll that fails (no network, a malformed answer) fails itself, not the run: it is counted, and repeated until the
 * run's deadline. Undefined then.
 */
export async function pollOnce(
  deps: InferenceDeps,
  held: HeldRun,
  provider: Provider,
): Promise<JobView | undefined> {
  try {
    return await askForView(deps, held, provider);
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    const attempts = held.row.poll_attempts + 1;
    deps.log.warn({ runId: held.row.run_id, attempts, err: error }, 'poll failed');
    await changeRun(deps, held, { patch: { poll_attempts: attempts } });
    return undefined;
  }
}

export async function askForView(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<JobView> {
  try {
    return await callProvider(deps, held, {
      name: 'poll',
      timeoutMs: deps.timings.pollTimeoutMs,
      run: (providerContext) => provider.poll(handleOf(held.row), providerContext),
    });
  } catch (error) {
    if (held.lost.signal.aborted) throw new LeaseLost();
    throw error;
  }
}

/** Past its deadline: the provider is asked to stop, and the run ends whatever it answers. */
export async function expireRun(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const outcome = await askToCancel(deps, held, provider);
  const isStopped = outcome === 'confirmed';
  await endRun(deps, held, {
    status: 'expired',
    note: `deadline passed; cancel: ${outcome}`,
    error: {
      code: 'run_expired',
      message: isStopped
        ? 'The run did not end before its deadline and was stopped.'
        : 'The run did not end before its deadline. The provider did not confirm that it stopped, so it may still be charged.',
      next_action: `Run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}; options.ttl_seconds sets the deadline.`,
    },
    charge: isStopped ? 'reported' : 'assumed',
  });
}

export function nextPollAt(deps: InferenceDeps, held: HeldRun, pollAfterMs: number | undefined): number {
  const { submitted_at: submittedAt, created_at: createdAt, deadline_at: deadlineAt } = held.row;
  const age = { ageMs: deps.now() - (submittedAt ?? createdAt), pollAfterMs };
  return Math.min(deps.now() + pollDelayMs(age, deps.timings, deps.random), deadlineAt);
}

export function retryPollAt(deps: InferenceDeps, held: HeldRun): number {
  const waitMs = backoffMs(held.row.poll_attempts, deps.timings, deps.random);
  return Math.min(deps.now() + waitMs, held.row.deadline_at);
}

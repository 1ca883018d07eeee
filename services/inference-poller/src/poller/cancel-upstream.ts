import type { Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { handleOf, optionsOf, type RunOptions } from '../runs/run-document.ts';
import { callProvider } from './call-provider.ts';
import { endRun } from './end-run.ts';
import { changeRun, type HeldRun, LeaseLost } from './held-run.ts';

const maxAttempts = 3;

/** Whether somebody wants the run stopped and the provider has not been asked yet, or could not be. */
export function isCancelDue(held: HeldRun): boolean {
  if (held.row.cancel_requested_at === null || held.row.handle === null) return false;
  const { cancel } = optionsOf(held.row);
  return cancel === undefined || (cancel.outcome === 'failed' && cancel.attempts < maxAttempts);
}

/** Asks the provider to stop a job and notes what it says. Only a confirmed stop ends the run here. */
export async function cancelUpstream(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const outcome = await askToCancel(deps, held, provider);
  if (outcome === 'confirmed') {
    const note = 'the provider confirmed the cancel';
    const patch = { upstream_status: 'cancelled' };
    return endRun(deps, held, { status: 'cancelled', note, patch, charge: 'reported' });
  }
  const options = optionsOf(held.row);
  const attempts = (options.cancel?.attempts ?? 0) + 1;
  await changeRun(deps, held, {
    patch: { options: JSON.stringify({ ...options, cancel: { outcome, attempts } } satisfies RunOptions) },
    event: { at: deps.now(), note: `cancel: ${outcome}` },
  });
}

export async function askToCancel(
  deps: InferenceDeps,
  held: HeldRun,
  provider: Provider,
): Promise<NonNullable<RunOptions['cancel']>['outcome']> {
  try {
    return await callProvider(deps, held, {
      name: 'cancel',
      timeoutMs: deps.timings.pollTimeoutMs,
      run: (providerContext) => provider.cancel(handleOf(held.row), providerContext),
    });
  } catch (error) {
    if (held.lost.signal.aborted) throw new LeaseLost();
    deps.log.warn({ runId: held.row.run_id, err: error }, 'the provider could not be asked to cancel');
    return 'failed';
  }
}

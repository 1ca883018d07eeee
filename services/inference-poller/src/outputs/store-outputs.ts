import { AppError, argumentOf, hint, type RunOutput, runModel } from '@inferry/contracts';
import type { JobView, Provider } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { endRun } from '../poller/end-run.ts';
import { askForView } from '../poller/follow-run.ts';
import { type HeldRun, LeaseLost, releaseRun } from '../poller/held-run.ts';
import { outputsOf, type PendingOutput, type RunOutputs } from '../runs/run-document.ts';
import { backoffMs } from '../timings.ts';
import { linkOutput, storeOutput } from './store-output.ts';

type Output = z.infer<typeof RunOutput>;

/** After so many attempts an output that cannot be copied keeps the platform's own link. */
const maxCopyAttempts = 5;
/** A file that will not become smaller or safer by trying again. */
const hopeless = new Set(['upload_too_large', 'url_rejected', 'upload_mismatch']);

/** `storing`: the outputs of a paid run become assets, then the run ends. Repeatable from any point. */
export async function storeOutputs(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const all = outputsOf(held.row);
  const pending = 'pending' in all ? all.pending : [];
  const outcome = await attempt(deps, held, { provider, pending });
  if ('outputs' in outcome) return succeed(deps, held, outcome);
  const isOver = deps.now() >= held.row.deadline_at + deps.timings.storeGraceMs;
  if (isOver || outcome.isLost) return fail(deps, held);
  const attempts = held.row.poll_attempts + 1;
  const at = deps.now() + backoffMs(attempts, deps.timings, deps.random);
  await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
}

type Outcome = { outputs: Output[]; notes: string[] } | { isLost: boolean };

async function attempt(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, pending }: { provider: Provider; pending: readonly PendingOutput[] },
): Promise<Outcome> {
  const signal = AbortSignal.any([held.lost.signal, AbortSignal.timeout(deps.timings.storeTimeoutMs)]);
  try {
    const view = await viewOf(deps, held, { provider, pending });
    if (view !== undefined && view.status !== 'succeeded') return { isLost: true };
    const outputs: Output[] = [];
    const notes: string[] = [];
    for (const [index, output] of pending.entries()) {
      const content = view?.outputs?.[index] ?? {};
      const request = { row: held.row, index, output, content, provider, signal };
      outputs.push(await storeOrLink(deps, request, notes));
    }
    return { outputs, notes };
  } catch (error) {
    if (held.lost.signal.aborted || error instanceof LeaseLost) throw new LeaseLost();
    deps.log.warn(
      { runId: held.row.run_id, attempts: held.row.poll_attempts, err: error },
      'outputs not stored',
    );
    return { isLost: false };
  }
}

/** The end of the job with what only memory holds: from the poll that saw it, or asked for again after a crash. */
async function viewOf(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, pending }: { provider: Provider; pending: readonly PendingOutput[] },
): Promise<JobView | undefined> {
  if (held.finalView !== undefined) return held.finalView;
  return pending.some(({ isInMemory }) => isInMemory) ? askForView(deps, held, provider) : undefined;
}

async function storeOrLink(
  deps: InferenceDeps,
  request: Parameters<typeof storeOutput>[1],
  notes: string[],
): Promise<Output> {
  try {
    return await storeOutput(deps, request);
  } catch (error) {
    const isHopeless = error instanceof AppError && hopeless.has(error.code);
    const isTired = request.row.poll_attempts >= maxCopyAttempts;
    if (request.output.url === undefined || !(isHopeless || isTired)) throw error;
    deps.log.warn({ runId: request.row.run_id, err: error }, 'output not copied, its link is kept');
    const linked = linkOutput(deps, request);
    notes.push(whyNotStored(request.index, linked, error));
    return linked;
  }
}

function whyNotStored(index: number, { url }: Output, error: unknown): string {
  const why = error instanceof AppError ? error.message : 'It could not be copied.';
  const link =
    url === undefined ? 'Its link is not passed on.' : "The link is the platform's own and may end soon.";
  return `Output ${index} is not stored here. ${why} ${link}`;
}

async function succeed(
  deps: InferenceDeps,
  held: HeldRun,
  { outputs, notes }: { outputs: Output[]; notes: string[] },
): Promise<void> {
  await endRun(deps, held, {
    status: 'succeeded',
    note: `succeeded with ${outputs.length} output(s)`,
    patch: { outputs: JSON.stringify({ stored: outputs, ...notesOf(held, notes) } satisfies RunOutputs) },
    charge: 'quoted',
  });
}

function notesOf({ row }: HeldRun, added: readonly string[]): Pick<RunOutputs, 'notes'> {
  const notes = [...(outputsOf(row).notes ?? []), ...added];
  return notes.length === 0 ? {} : { notes };
}

async function fail(deps: InferenceDeps, held: HeldRun): Promise<void> {
  await endRun(deps, held, {
    status: 'failed',
    note: 'its outputs could not be stored',
    patch: { outputs: JSON.stringify({ stored: [] } satisfies RunOutputs) },
    error: {
      code: 'upstream_failed',
      message: 'The run succeeded at the provider, but its outputs could not be read or stored here.',
      next_action: `Look for them in your account at the provider, or run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
    },
    charge: 'quoted',
  });
}

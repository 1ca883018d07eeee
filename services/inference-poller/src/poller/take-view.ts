import { argumentOf, callOf, type ErrorCode, hint, runModel, searchModels } from '@inferry/contracts';
import type { RunWrite } from '@inferry/database';
import type { JobView } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { chargedPatch } from '../runs/run-cost.ts';
import { type PendingOutput, type RunOutputs, shownWord } from '../runs/run-document.ts';
import { endRun } from './end-run.ts';
import { changeRun, type HeldRun } from './held-run.ts';

/** For a provider that does not say how long its jobs may need to turn up. */
const settlesWithinMs = 120_000;
const maxNotes = 6;
/** Far more than any model makes; a row and whoever copies them are not to grow with what a platform says. */
const maxOutputs = 256;
const maxNoteLength = 240;
const maxLogLines = 200;
const maxLogLength = 500;
const maxRawLength = 32_768;
/** Longer texts are not kept in the row while they wait for storage: the provider is asked again after a crash. */
const maxPendingText = 65_536;

/**
 * Brings a run up to what its provider says: running on, or to its end. A success goes through `storing`; the row then
 * knows what was charged and what is to be stored.
 */
export async function takeView(deps: InferenceDeps, held: HeldRun, told: JobView): Promise<void> {
  const view = judged(deps, held, told);
  const patch = { ...commonPatch(view), ...chargedPatch(held.row, view, deps.money.rates), poll_attempts: 0 };
  switch (view.status) {
    case 'succeeded':
      await changeRun(deps, held, {
        patch: { ...patch, phase: 'storing', status: 'running', outputs: pendingOf(view) },
        event: { at: deps.now(), note: 'finished upstream, storing outputs' },
      });
      held.finalView = view;
      return;
    case 'failed':
      return endRun(deps, held, {
        status: 'failed',
        note: `failed upstream: ${view.error?.code ?? 'generate_failed'}`,
        patch,
        error: failureOf(view),
        charge: 'reported',
      });
    case 'cancelled':
      return endRun(deps, held, {
        status: 'cancelled',
        note: 'cancelled upstream',
        patch,
        charge: 'reported',
      });
    case 'expired':
      return endRun(deps, held, {
        status: 'expired',
        note: 'expired upstream',
        patch,
        error: { code: 'run_expired', message: 'The provider no longer knows this run or its result.' },
        charge: 'assumed',
      });
    default:
      return takeRunningView(deps, held, { view, patch });
  }
}

/**
 * "Not there" of a job that was taken a moment ago is no end: a replica of the platform lags, or its queue is written late.
 * It is asked again for as long as the provider's jobs may need to turn up; after that the job is gone.
 */
function judged({ providers, now }: InferenceDeps, { row }: HeldRun, view: JobView): JobView {
  if (view.status !== 'not_found') return view;
  const settlesMs = providers.get(row.provider)?.capabilities.settlesWithinMs ?? settlesWithinMs;
  const isYoung = now() - (row.submitted_at ?? row.created_at) < settlesMs;
  // What it was before it is still: nobody has said anything else of it.
  const before = row.status === 'queued' ? 'queued' : 'running';
  return isYoung ? { ...view, status: before } : { ...view, status: 'expired' };
}

/** A status that is not in our list counts as running: an end is only what an adapter calls one. */
async function takeRunningView(
  deps: InferenceDeps,
  held: HeldRun,
  { view, patch }: { view: JobView; patch: RunWrite['patch'] },
): Promise<void> {
  const { row } = held;
  const progress = progressOf(view.progress, row.progress);
  const status = view.status === 'queued' && row.progress === null ? 'queued' : 'running';
  const queuePosition = status === 'queued' ? (view.queuePosition ?? null) : null;
  const isNew =
    status !== row.status ||
    progress !== row.progress ||
    queuePosition !== row.queue_position ||
    row.poll_attempts > 0;
  if (!isNew && view.logs === undefined && view.upstreamStatus === row.upstream_status) return;
  await changeRun(deps, held, { patch: { ...patch, status, progress, queue_position: queuePosition } });
}

function commonPatch(view: JobView): RunWrite['patch'] {
  const raw = view.raw === undefined ? undefined : JSON.stringify(view.raw);
  return {
    upstream_status: shownWord(view.upstreamStatus),
    ...(view.logs === undefined
      ? {}
      : { logs: JSON.stringify(view.logs.slice(-maxLogLines).map((line) => line.slice(0, maxLogLength))) }),
    ...(raw === undefined || raw.length > maxRawLength ? {} : { raw }),
  };
}

/** It never goes back: a provider may start to count again. */
function progressOf(reported: number | undefined, before: number | null): number | null {
  if (reported === undefined || !Number.isFinite(reported)) return before;
  return Math.max(before ?? 0, Math.min(Math.max(reported, 0), 1));
}

function pendingOf({ outputs = [], notes, isPartial }: JobView): string {
  const told = [...(notes ?? (isPartial === true ? ['Fewer outputs came back than were asked for.'] : []))];
  const beyond = outputs.length - maxOutputs;
  if (beyond > 0) told.unshift(`The model made ${outputs.length} outputs; ${beyond} of them are not kept.`);
  const pending = outputs.slice(0, maxOutputs).map(({ bytes, text, ...rest }): PendingOutput => {
    const isInMemory = bytes !== undefined || (text !== undefined && text.length > maxPendingText);
    return { ...rest, ...(text === undefined || isInMemory ? {} : { text }), isInMemory };
  });
  const kept = told.slice(0, maxNotes).map((note) => note.slice(0, maxNoteLength));
  return JSON.stringify({ pending, ...(kept.length > 0 && { notes: kept }) } satisfies RunOutputs);
}

function failureOf(view: JobView): { code: ErrorCode; message: string; next_action: string } {
  const code = view.error?.code ?? 'generate_failed';
  const message = view.error?.message ?? 'The provider could not finish this run and did not say why.';
  return {
    code,
    message,
    next_action:
      nextActions[code] ??
      `Run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}; if it repeats, choose another model.`,
  };
}

/** What helps after a failure of a kind; running it again as it is helps with none of these. */
const nextActions: Partial<Record<ErrorCode, string>> = {
  content_blocked: `Change the input and run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
  validation_failed: `Change the input and run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
  insufficient_credits: `Top up the account at the provider, then run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
  unauthorized: `Have the key of this provider put right, then run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
  forbidden: 'Use a key of the provider that may run this model, or choose another model.',
  model_not_found: hint`Choose another model with ${callOf(searchModels)}.`,
  rate_limited: `Wait a minute, then run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
};

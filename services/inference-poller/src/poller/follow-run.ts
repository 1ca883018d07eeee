/** A run at its platform: watched or polled, asked to stop, and brought up to what the platform and others tell of it. */
import { argumentOf, callOf, type ErrorCode, hint, runModel, searchModels } from '@inferry/contracts';
import type { RunWrite } from '@inferry/database';
import type { JobView, Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { chargedPatch } from '../runs/run-cost.ts';
import {
  handleOf,
  optionsOf,
  type PendingOutput,
  type RunOptions,
  type RunOutputs,
  shownWord,
} from '../runs/run-document.ts';
import { backoffMs, pollDelayMs, sleep } from '../timings.ts';
import { endRun } from './end-run.ts';
import {
  accessOf,
  callProvider,
  changeRun,
  type HeldRun,
  LeaseLost,
  releaseRun,
  toContext,
} from './held-run.ts';
import { optionsPatch } from './submit-facts.ts';

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
async function pollOnce(
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
async function expireRun(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
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

function retryPollAt(deps: InferenceDeps, held: HeldRun): number {
  const waitMs = backoffMs(held.row.poll_attempts, deps.timings, deps.random);
  return Math.min(deps.now() + waitMs, held.row.deadline_at);
}

const maxAttempts = 3;

/** Whether somebody wants the run stopped and the provider has not been asked yet, or could not be. */
export function isCancelDue(held: HeldRun): boolean {
  if (held.row.cancel_requested_at === null || held.row.handle === null) return false;
  const { cancel } = optionsOf(held.row);
  return cancel === undefined || (cancel.outcome === 'failed' && cancel.attempts < maxAttempts);
}

/** Asks the provider to stop a job and notes what it says. Only a confirmed stop ends the run here. */
async function cancelUpstream(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
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

async function askToCancel(
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

/** How long a watched job may be silent before it is polled all the same. */
const quietMs = 10_000;

interface Watch {
  mailbox: ViewMailbox;
  isOpen: boolean;
  close(): void;
}

/**
 * `running` while this replica keeps the lease: because the provider pushes updates, or because the job lives in this
 * process. Polling is the safety net. Ends with the run, or gives it back when `stop` fires.
 */
export async function watchRun(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, stop }: { provider: Provider; stop: AbortSignal },
): Promise<void> {
  const watch = openWatch(deps, held, provider);
  const wake = () => watch.mailbox.wake();
  held.onCancelRequested = wake;
  held.onView = (view) => watch.mailbox.put(view);
  held.lost.signal.addEventListener('abort', wake, { once: true });
  stop.addEventListener('abort', wake, { once: true });
  try {
    let pollAt = nextPollAt(deps, held, undefined);
    while (held.isHeld && held.row.phase === 'running') {
      if (stop.aborted) return await handOver(deps, held, provider);
      pollAt = await step(deps, held, { provider, watch, pollAt });
    }
    if (held.lost.signal.aborted) throw new LeaseLost();
  } finally {
    held.onCancelRequested = undefined;
    held.onView = undefined;
    stop.removeEventListener('abort', wake);
    watch.close();
  }
}

/** One turn: a cancel, a pushed view, a poll or the deadline, whichever comes first. Returns when to poll next. */
async function step(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, watch, pollAt }: { provider: Provider; watch: Watch; pollAt: number },
): Promise<number> {
  if (isCancelDue(held)) {
    await cancelUpstream(deps, held, provider);
    return deps.now();
  }
  const isOverdue = deps.now() >= held.row.deadline_at;
  const pushed = watch.mailbox.take();
  if (pushed === undefined && !isOverdue && deps.now() < pollAt) {
    await watch.mailbox.wait(Math.max(1, Math.min(pollAt, held.row.deadline_at) - deps.now()));
    return pollAt;
  }
  const view = pushed ?? (await pollOnce(deps, held, provider));
  if (view !== undefined) await takeView(deps, held, view);
  if (!held.isHeld || held.row.phase !== 'running') return pollAt;
  if (isOverdue) {
    await expireRun(deps, held, provider);
    return pollAt;
  }
  if (pushed !== undefined) await sleep(deps.timings.progressMs, held.lost.signal);
  if (view === undefined) return retryPollAt(deps, held);
  const scheduled = nextPollAt(deps, held, view.pollAfterMs);
  return watch.isOpen ? Math.max(scheduled, deps.now() + quietMs) : scheduled;
}

function openWatch(deps: InferenceDeps, held: HeldRun, provider: Provider): Watch {
  const mailbox = new ViewMailbox();
  const closing = new AbortController();
  const watch: Watch = { mailbox, isOpen: false, close: () => closing.abort() };
  const { watch: watchJob } = provider;
  if (!provider.capabilities.watch || watchJob === undefined) return watch;
  const signal = AbortSignal.any([closing.signal, held.lost.signal]);
  watch.isOpen = true;
  void (async () => {
    try {
      const access = await accessOf(deps, held.row, signal);
      const views = watchJob.call(provider, handleOf(held.row), { signal, ...toContext(access) });
      for await (const view of views) {
        if (signal.aborted) return;
        mailbox.put(view);
      }
    } catch (error) {
      if (!signal.aborted) deps.log.debug({ runId: held.row.run_id, err: error }, 'watch ended early');
    } finally {
      watch.isOpen = false;
      mailbox.wake();
    }
  })();
  return watch;
}

/** Another replica takes it at once. A job of this process ends here first, so that it never runs twice at a time. */
async function handOver(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const isEnding = isProcessJob(provider, held);
  if (isEnding) await askToCancel(deps, held, provider);
  await releaseRun(deps, held, {
    at: deps.now(),
    note: 'handed over',
    // A call that was held here has nobody now who could have its answer.
    ...(isEnding && { patch: optionsPatch(held.row, { replyLost: true }) }),
  });
}

/** The latest view of a watched job: a slow reader skips what is out of date. */
class ViewMailbox {
  #view: JobView | undefined;
  #isWoken = false;
  #wake: (() => void) | undefined;

  put(view: JobView): void {
    this.#view = view;
    this.wake();
  }

  take(): JobView | undefined {
    const view = this.#view;
    this.#view = undefined;
    return view;
  }

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#isWoken && this.#view === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#wake = undefined;
    this.#isWoken = false;
  }
}

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

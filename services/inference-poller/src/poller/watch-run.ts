/** A run at its platform, watched or polled, and what others tell about it meanwhile. */
import type { JobView, Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { handleOf } from '../runs/run-document.ts';
import { askToCancel, cancelUpstream, isCancelDue } from './cancel-upstream.ts';
import { expireRun, isProcessJob, nextPollAt, pollOnce, retryPollAt } from './follow-run.ts';
import { type HeldRun, LeaseLost, releaseRun } from './held-run.ts';
import { accessOf, toContext } from './provider-access.ts';
import { sleep } from './sleep.ts';
import { optionsPatch } from './submit-facts.ts';
import { takeView } from './take-view.ts';

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

/** The wait for a run, with the progress that its caller is shown. */
import type { Bus, HandlerContext, Subscription } from '@inferry/bus';
import { AppError, isTerminal, RunStatus, runFinished, runProgressed } from '@inferry/contracts';
import { type Database, findRun, type RunRow, type RunState, readRunStates } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { statusOf } from './run-document.ts';

/** What remains for reading and sending the answer after the wait. */
const answerMs = 1_500;
/** Of this, what sending alone is left: a database that has not answered by then is not waited for. */
const sendMs = 400;

/**
 * The run after a wait that fits the client: at its end, or as it stands when the time is over, this process stops or
 * the caller has gone. The run itself goes on in any case.
 */
export async function waitForRun(
  deps: InferenceDeps,
  row: RunRow,
  wish: { waitSeconds: number; context: HandlerContext; isNew: boolean; withNative?: boolean | undefined },
): Promise<RunRow> {
  const { waitSeconds, context, isNew, withNative } = wish;
  const onState = reportProgress(context, row, { withNative });
  if (isTerminal(statusOf(row))) return row;
  const timeoutMs = waitMsOf(deps, waitSeconds, context);
  // Nothing can be newer than what was written just now.
  if (isNew && timeoutMs <= 0) return row;
  await deps.waiters.wait({
    runId: row.run_id,
    version: row.version,
    timeoutMs,
    isStale: !isNew,
    signals: [context.signal, context.draining],
    onState,
  });
  return reread(deps, row, context);
}

/** The same until the platform has taken the run: from then on it is known by the platform's id too. */
export async function waitUntilTaken(
  deps: InferenceDeps,
  row: RunRow,
  { waitSeconds, context }: { waitSeconds: number; context: HandlerContext },
): Promise<RunRow> {
  const until = Date.now() + waitMsOf(deps, waitSeconds, context);
  let now = row;
  while (now.upstream_id === null && !isTerminal(statusOf(now)) && Date.now() < until) {
    if (context.signal.aborted || context.draining.aborted) break;
    await deps.waiters.wait({
      runId: now.run_id,
      version: now.version,
      timeoutMs: until - Date.now(),
      isStale: true,
      forAnyChange: true,
      signals: [context.signal, context.draining],
      onState: () => undefined,
    });
    now = await reread(deps, now, context);
  }
  return now;
}

/** A wish within what the client, this deployment and the call itself allow. */
function waitMsOf(
  deps: Pick<InferenceDeps, 'maxWaitSeconds'>,
  waitSeconds: number,
  { wait, deadlineAt }: Pick<HandlerContext, 'wait' | 'deadlineAt'>,
): number {
  const wanted = Math.min(waitSeconds, wait.maxSeconds, deps.maxWaitSeconds) * 1_000;
  return Math.min(wanted, deadlineAt - Date.now() - answerMs);
}

/** The run as it stands, or as it was known last where the database does not tell within the time of the call. */
export async function reread(
  deps: Pick<InferenceDeps, 'database'>,
  row: RunRow,
  { deadlineAt }: Pick<HandlerContext, 'deadlineAt'>,
): Promise<RunRow> {
  const { run_id: runId, subject } = row;
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), Math.max(0, deadlineAt - Date.now() - sendMs));
  const read = findRun(deps.database.queries, { runId, subject }).catch((error: unknown) => {
    // A run that is known goes on whether or not it can be read now.
    if (error instanceof AppError && error.retryable) return undefined;
    throw error;
  });
  try {
    return (await Promise.race([read, late])) ?? row;
  } finally {
    clearTimeout(timer);
  }
}

const first = 0.02;
const last = 0.98;

/**
 * Turns a run's states into progress that only grows, whatever the provider reports. The first step comes at once
 * and carries the run's id, so that a caller whose service dies knows what to ask for.
 */
function reportProgress(
  context: Pick<HandlerContext, 'progress'>,
  row: RunRow,
  { withNative = false }: { withNative?: boolean | undefined } = {},
): (state: RunState | undefined) => void {
  const data = { run_id: row.run_id, ...(withNative && { with_native: 'true' }) };
  let shown = 0;
  let message = messageOf(row);
  context.progress({ progress: 0, message, data });

  function finish(): void {
    if (shown < 1) context.progress({ progress: 1, message, data });
    shown = 1;
  }

  return (state) => {
    if (state !== undefined) message = messageOf(state);
    // A bar that stops short of its end looks broken.
    if (state?.status === 'succeeded') return finish();
    const reported = first + (last - first) * Math.min(Math.max(state?.progress ?? 0, 0), 1);
    // Without news of its own a step still has to be larger than the one before (MCP 2026-07-28, progress).
    const next = Math.max(reported, shown + (last - shown) / 200);
    if (next <= shown) return;
    shown = next;
    context.progress({ progress: shown, message, data });
  };
}

function messageOf({
  status,
  progress,
  queue_position: position,
}: Pick<RunRow, 'status' | 'progress' | 'queue_position'>): string {
  if (status === 'queued') return position === null ? 'queued' : `queued, position ${position}`;
  return progress === null ? status : `${status}, ${Math.round(progress * 100)} %`;
}

interface WaitRequest {
  runId: string;
  /** The version that the caller has seen. */
  version: number;
  timeoutMs: number;
  /** The run may have changed before this wait began: look once. */
  isStale?: boolean;
  /** Any of them ends the wait. */
  signals: readonly AbortSignal[];
  /** Ends at the next change instead of the run's end. */
  forAnyChange?: boolean;
  /** Called with each change, and now and then without one as a sign of life. */
  onState?(state: RunState | undefined): void;
}

interface Waiter {
  version: number;
  heardAt: number;
  forAnyChange: boolean;
  onState: ((state: RunState | undefined) => void) | undefined;
  end(): void;
}

interface RunWaitersOptions {
  bus: Bus;
  database: Database;
  timings: { rereadMs: number; signOfLifeMs: number };
  onError(error: unknown): void;
}

/**
 * Everybody in this process who waits for a run: one subscription to the events, and one read of all the waited-for
 * rows on one timer, so that a lost event costs at most that interval and a waiter costs a map entry.
 */
export class RunWaiters {
  readonly #options: RunWaitersOptions;
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #subscriptions: Subscription[];
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;

  constructor(options: RunWaitersOptions) {
    this.#options = options;
    const onEvent = (event: {
      run_id: string;
      version: number;
      status: string;
      progress?: number | undefined;
      queue_position?: number | undefined;
    }) =>
      this.#tell({
        run_id: event.run_id,
        version: event.version,
        status: event.status,
        progress: event.progress ?? null,
        queue_position: event.queue_position ?? null,
      });
    this.#subscriptions = [options.bus.on(runProgressed, onEvent), options.bus.on(runFinished, onEvent)];
  }

  get count(): number {
    let count = 0;
    for (const waiters of this.#waiters.values()) count += waiters.size;
    return count;
  }

  /** Resolves when the run has ended (or changed), the time is over or a signal fires; it never rejects. */
  wait(request: WaitRequest): Promise<void> {
    if (request.timeoutMs <= 0 || request.signals.some((signal) => signal.aborted)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        for (const signal of request.signals) signal.removeEventListener('abort', end);
        this.#remove(request.runId, waiter);
        resolve();
      };
      const waiter: Waiter = {
        version: request.version,
        heardAt: Date.now(),
        forAnyChange: request.forAnyChange === true,
        onState: request.onState,
        end,
      };
      const timer = setTimeout(end, request.timeoutMs);
      for (const signal of request.signals) signal.addEventListener('abort', end, { once: true });
      this.#add(request.runId, waiter);
      if (request.isStale === true) void this.#look(request.runId);
    });
  }

  /** Reads once more what is waited for; done by the timer, and by whoever cannot rely on an event. */
  async reread(): Promise<void> {
    if (this.#isReading || this.#waiters.size === 0) return;
    this.#isReading = true;
    try {
      for (const state of await readRunStates(this.#options.database.queries, [...this.#waiters.keys()])) {
        this.#tell(state);
      }
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isReading = false;
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.end();
    clearInterval(this.#timer);
  }

  async #look(runId: string): Promise<void> {
    try {
      for (const state of await readRunStates(this.#options.database.queries, [runId])) this.#tell(state);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #tell(state: RunState): void {
    const isEnd = isTerminal(RunStatus.parse(state.status));
    for (const waiter of [...(this.#waiters.get(state.run_id) ?? [])]) {
      if (state.version <= waiter.version) continue;
      waiter.version = state.version;
      waiter.heardAt = Date.now();
      waiter.onState?.(state);
      if (isEnd || waiter.forAnyChange) waiter.end();
    }
  }

  #add(runId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(runId) ?? new Set();
    this.#waiters.set(runId, waiters.add(waiter));
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      this.#showLife();
      void this.reread();
    }, this.#options.timings.rereadMs);
    this.#timer.unref();
  }

  #remove(runId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(runId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(runId);
    if (this.#waiters.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #showLife(): void {
    const silentSince = Date.now() - this.#options.timings.signOfLifeMs;
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) {
        if (waiter.heardAt > silentSince) continue;
        waiter.heardAt = Date.now();
        waiter.onState?.(undefined);
      }
    }
  }
}

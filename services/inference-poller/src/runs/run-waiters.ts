import type { Bus, Subscription } from '@inferry/bus';
import { isTerminal, RunStatus, runFinished, runProgressed } from '@inferry/contracts';
import { type Database, type RunState, readRunStates } from '@inferry/database';

export interface WaitRequest {
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

export interface RunWaitersOptions {
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

import { runCancelRequested, runQueued } from '@inferry/contracts';
import {
  hastenQueuedRuns,
  hastenToldRun,
  leaseDueRuns,
  leaseToldRun,
  type RunRow,
  renewLeases,
} from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { jittered } from '../timings.ts';
import { type DriveContext, driveRun } from './drive-run.ts';
import { type HeldRun, holdRun, loseRun, type ToldJob } from './held-run.ts';
import { sleep } from './sleep.ts';

export interface PollerLimits {
  /** Runs that are being worked on at once, besides those that are only watched. */
  maxSteps: number;
  /** Remote runs that are kept leased to be watched; more are polled. */
  maxWatched: number;
}

export const defaultPollerLimits: PollerLimits = { maxSteps: 64, maxWatched: 500 };

/**
 * The worker of a replica: leases due runs, drives each a step further, keeps its leases alive. Woken by events, by the
 * time of what it gave back itself, and by a slow timer for what everybody forgot.
 */
export class Poller {
  readonly #deps: InferenceDeps;
  readonly #limits: PollerLimits;
  readonly #held = new Map<string, HeldRun>();
  readonly #work = new Set<Promise<void>>();
  readonly #draining = new AbortController();
  readonly #abandoning = new AbortController();
  readonly #context: DriveContext;
  readonly #subscriptions: { unsubscribe(): void }[] = [];
  #heartbeat: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isLeasing = false;
  #isWanted = false;
  #isStarted = false;

  constructor(deps: InferenceDeps, limits: PollerLimits = defaultPollerLimits) {
    this.#deps = deps;
    this.#limits = limits;
    this.#context = {
      localJobs: new Set(),
      draining: this.#draining.signal,
      abandoning: this.#abandoning.signal,
      canWatch: () => this.#held.size < limits.maxSteps + limits.maxWatched,
    };
  }

  start(): void {
    this.#isStarted = true;
    const { bus, timings } = this.#deps;
    this.#subscriptions.push(
      bus.on(runQueued, ({ run_id: runId, provider, is_told: isTold }) => {
        const held = this.#held.get(runId);
        if (held !== undefined && isTold === true) held.isHastened = true;
        if (this.#deps.providers.has(provider)) this.wake();
      }),
      bus.on(runCancelRequested, ({ run_id: runId }) => {
        if (!this.#noteCancel(runId)) this.wake();
      }),
    );
    this.#heartbeat = setInterval(() => void this.#renew(), timings.renewMs);
    this.wake();
  }

  /** Looks for due work now, or right after the look that is under way. */
  wake(): void {
    if (!this.#isStarted || this.#draining.signal.aborted) return;
    this.#isWanted = true;
    if (!this.#isLeasing) void this.#leaseUntilIdle();
  }

  /**
   * Brings a run up to what its provider has told of it: here when it is free or held here, else by making it due for
   * whoever holds it.
   */
  async tell({ run_id: runId, provider }: RunRow, told: ToldJob): Promise<void> {
    const { bus, database, replica, timings, now } = this.#deps;
    const held = this.#held.get(runId);
    if (held?.isHeld === true) return tellHeldRun(held, told);
    if (held === undefined && this.#isStarted && !this.#draining.signal.aborted) {
      const lease = { runId, owner: replica, now: now(), leaseMs: timings.leaseMs };
      const row = await leaseToldRun(database.queries, lease);
      if (row !== undefined) return this.#drive(row, told);
    }
    await hastenToldRun(database.queries, { runId, now: now() });
    bus.publish(runQueued, { run_id: runId, provider, is_told: true });
  }

  /** Leases what is due now and drives it; resolves when that is done. For tests that keep time themselves. */
  async tick(): Promise<number> {
    const count = await this.#leaseBatch();
    await Promise.all([...this.#work]);
    return count;
  }

  /** Stops taking runs and hands over what it holds: remote runs at once, local jobs when the grace is over. */
  async drain(graceMs: number): Promise<void> {
    this.#draining.abort();
    clearTimeout(this.#timer);
    const grace = new AbortController();
    await Promise.race([this.#idle(), sleep(Math.max(0, graceMs - 1_000), grace.signal)]);
    this.#abandoning.abort();
    await Promise.race([this.#idle(), sleep(Math.min(graceMs, 1_000), grace.signal)]);
    grace.abort();
  }

  close(): void {
    this.#isStarted = false;
    this.#draining.abort();
    this.#abandoning.abort();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    for (const held of this.#held.values()) loseRun(held);
  }

  async #idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all([...this.#work]);
  }

  async #leaseUntilIdle(): Promise<void> {
    this.#isLeasing = true;
    try {
      while (this.#isWanted && !this.#draining.signal.aborted) {
        this.#isWanted = false;
        if ((await this.#leaseBatch()) > 0) this.#isWanted = true;
      }
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'due runs could not be leased');
    } finally {
      this.#isLeasing = false;
      this.#wakeAt(this.#deps.now() + jittered(this.#deps.timings.tickMs, this.#deps.random));
    }
  }

  async #leaseBatch(): Promise<number> {
    const { database, replica, timings, providers } = this.#deps;
    const limit = this.#limits.maxSteps - this.#work.size + this.#watchedCount();
    if (limit <= 0) return 0;
    const rows = await leaseDueRuns(database, {
      owner: replica,
      now: this.#deps.now(),
      leaseMs: timings.leaseMs,
      limit: Math.min(limit, this.#limits.maxSteps),
      providers: [...providers.keys()],
    });
    for (const row of rows) this.#drive(row);
    return rows.length;
  }

  #watchedCount(): number {
    let count = 0;
    for (const held of this.#held.values()) if (held.onCancelRequested !== undefined) count += 1;
    return count;
  }

  #drive(row: RunRow, told?: ToldJob): void {
    // The same run under an older lease of ours: its step finds out at its next write.
    const before = this.#held.get(row.run_id);
    if (before !== undefined) loseRun(before);
    const held = holdRun(row);
    held.told = told;
    this.#held.set(row.run_id, held);
    const work = driveRun(this.#deps, held, this.#context)
      .then(() => this.#settled(held))
      .catch((error: unknown) => this.#deps.log.error({ runId: row.run_id, err: error }, 'a run was dropped'))
      .finally(() => {
        if (this.#held.get(row.run_id) === held) this.#held.delete(row.run_id);
        this.#work.delete(work);
      });
    this.#work.add(work);
  }

  async #settled(held: HeldRun): Promise<void> {
    const { row } = held;
    if (row.phase !== 'done') {
      if (row.next_poll_at !== null) this.#wakeAt(row.next_poll_at);
      return;
    }
    // A free place in this process: whoever was refused for the lack of one need not wait for its turn to come round.
    if (this.#deps.providers.get(row.provider)?.capabilities.jobs !== 'process') return;
    const { database } = this.#deps;
    await hastenQueuedRuns(database.queries, { provider: row.provider, now: this.#deps.now(), limit: 1 });
    this.wake();
  }

  #wakeAt(at: number): void {
    if (!this.#isStarted || this.#draining.signal.aborted || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.wake();
      },
      Math.max(1, at - this.#deps.now()),
    );
  }

  #noteCancel(runId: string): boolean {
    const held = this.#held.get(runId);
    if (held === undefined) return false;
    held.row = { ...held.row, cancel_requested_at: held.row.cancel_requested_at ?? this.#deps.now() };
    held.onCancelRequested?.();
    return true;
  }

  /** Keeps what is held, and drops what somebody else holds now or what could not be renewed in time. */
  async #renew(): Promise<void> {
    const held = [...this.#held.values()].filter(({ isHeld }) => isHeld);
    const until = this.#deps.now() + this.#deps.timings.leaseMs;
    const runIds = held.map(({ row }) => row.run_id);
    try {
      const renewed = await renewLeases(this.#deps.database.queries, {
        owner: this.#deps.replica,
        runIds,
        until,
      });
      const found = new Map(renewed.map((row) => [row.run_id, row]));
      for (const run of held) {
        const row = found.get(run.row.run_id);
        // It may have ended or been given back since the list was made.
        if (!run.isHeld) continue;
        if (row === undefined) loseRun(run);
        else {
          run.leasedUntil = until;
          if (row.cancel_requested_at !== null) this.#noteCancel(row.run_id);
        }
      }
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'leases could not be renewed');
    }
    for (const run of this.#held.values())
      if (run.isHeld && this.#deps.now() >= run.leasedUntil) loseRun(run);
  }
}

/** Its step takes it in, after the question to its provider that may be under way. */
function tellHeldRun(held: HeldRun, told: ToldJob): void {
  held.isHastened = true;
  if (held.onView !== undefined && told.view !== undefined) held.onView(told.view);
  else held.told = told;
}

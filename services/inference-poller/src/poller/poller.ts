import { runCancelRequested, runFinished, runQueued } from '@inferry/contracts';
import {
  hastenQueuedRuns,
  hastenToldRun,
  type Lane,
  leaseAbandonedRuns,
  leaseFollowedRuns,
  leaseToldRun,
  leaseWithinLimits,
  listLanes,
  listPauses,
  type Reached,
  type RunRow,
  reclaimRun,
  renewLeases,
} from '@inferry/database';
import { startDeadline } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { type Look, Looker, sleep } from '../timings.ts';
import { type DriveContext, driveRun } from './drive-run.ts';
import { type HeldRun, holdRun, loseRun, type ToldJob } from './held-run.ts';
import { defaultPollerLimits, isBounded, type PollerLimits, type Stage, Stages } from './stages.ts';

/** Lanes that one look reads; the next one goes on after them. */
const lanesPerLook = 100;
const runsPerLook = 200;
/** Between looks that have to pass over runs of tenants who have enough. */
const passingSpacingMs = 200;
/** In ticks: how often runs are looked for whose platform is not connected any more. */
const abandonedTicks = 5;

/**
 * The worker of a replica: leases due runs, drives each a step further, keeps its leases alive. Woken by events, by the
 * time of what it gave back itself, by places that become free, and by a slow timer for what everybody forgot.
 */
export class Poller {
  readonly #deps: InferenceDeps;
  readonly #held = new Map<string, HeldRun>();
  readonly #work = new Set<Promise<void>>();
  readonly #draining = new AbortController();
  readonly #abandoning = new AbortController();
  readonly #context: DriveContext;
  readonly #stages: Stages;
  readonly #sender: Looker;
  readonly #follower: Looker;
  readonly #subscriptions: { unsubscribe(): void }[] = [];
  /** Of each provider: the tenant after which the next look begins. */
  readonly #after = new Map<string, string>();
  /** Lanes whose platform wants to be left alone with their key, and until when. */
  readonly #slowed = new Map<string, number>();
  /** Providers that had no room for a run that was queued. */
  readonly #refusing = new Set<string>();
  #heartbeat: NodeJS.Timeout | undefined;
  /** Whether the last look left runs waiting because of a limit. */
  #isHeldBack = false;
  /** Whether the last look left anything to others, or to later, because there was no place for it here. */
  readonly #isShort = { sender: false, follower: false };
  #abandonedAt = 0;
  #isStarted = false;

  constructor(deps: InferenceDeps, limits: PollerLimits = defaultPollerLimits) {
    this.#deps = deps;
    this.#stages = new Stages(limits, (stage) => this.#wakeFor(stage));
    const { now, random, log, timings } = deps;
    const options = { now, random, tickMs: timings.tickMs };
    const onError = (error: unknown) => log.warn({ err: error }, 'due runs could not be leased');
    this.#sender = new Looker({ ...options, onError, look: () => this.#lookForQueued() });
    this.#follower = new Looker({ ...options, onError, look: () => this.#lookForFollowed() });
    this.#context = {
      localJobs: new Map(),
      draining: this.#draining.signal,
      abandoning: this.#abandoning.signal,
      stages: this.#stages,
    };
  }

  start(): void {
    this.#isStarted = true;
    const { bus, timings, replica, now, random } = this.#deps;
    this.#subscriptions.push(
      bus.on(runQueued, ({ run_id: runId, provider, is_told: isTold, by }) => {
        const held = this.#held.get(runId);
        if (held !== undefined && isTold === true) held.isHastened = true;
        if (!this.#canLook() || !this.#deps.providers.has(provider)) return;
        if (isTold === true) this.#follower.wake();
        else if (by === undefined || by === replica) this.#sender.wake();
        // Whoever took the call takes the run too, as long as there is room; the others look whether there was.
        else this.#sender.wakeAt(now() + Math.round(timings.tickMs * (0.1 + random() * 0.2)));
      }),
      bus.on(runFinished, () => {
        if (this.#isHeldBack && this.#canLook()) this.#sender.wake();
      }),
      bus.on(runCancelRequested, ({ run_id: runId }) => {
        if (!this.#noteCancel(runId)) this.wake();
      }),
    );
    this.#heartbeat = setInterval(() => void this.#renew(), timings.renewMs);
    this.#deps.metrics.watch({ held: () => this.#held.size, places: this.#stages.places });
    this.wake();
  }

  /** Looks for due work now. */
  wake(): void {
    if (!this.#canLook()) return;
    this.#sender.wake();
    this.#follower.wake();
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
      if (row !== undefined) return this.#drive(row, 'follow', told);
    }
    await hastenToldRun(database.queries, { runId, now: now() });
    bus.publish(runQueued, { run_id: runId, provider, is_told: true });
  }

  /** Leases what is due now and drives it; resolves when that is done. For tests that keep time themselves. */
  async tick(): Promise<number> {
    const before = this.#work.size;
    await this.#lookForQueued();
    await this.#lookForFollowed();
    const count = this.#work.size - before;
    await Promise.all([...this.#work]);
    return count;
  }

  /** How much longer than its grace a stop takes at most: until the deadline of a paid call that is out. */
  get lingerMs(): number {
    return this.#deps.timings.submitTimeoutMs + 2_000;
  }

  /**
   * Stops taking runs and hands over what it holds: remote runs at once, local jobs when the grace is over. The answer of a paid
   * call that has left is waited for beyond that, since nobody else can read it, and none leaves any more.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining.abort();
    this.#stopLooking();
    const grace = new AbortController();
    await Promise.race([this.#idle(), sleep(Math.max(0, graceMs - 1_000), grace.signal)]);
    this.#abandoning.abort();
    this.#deps.insistence.stopSending();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    // Not by a plain timer: after standing still that is due before the answers that came meanwhile are read.
    const callOff = startDeadline(this.lingerMs, resolve);
    await Promise.race([this.#deps.insistence.answered(), late]);
    callOff();
    const written = Promise.all([this.#idle(), this.#deps.insistence.idle()]);
    await Promise.race([written, sleep(Math.min(graceMs, 1_000), grace.signal)]);
    grace.abort();
  }

  close(): void {
    this.#isStarted = false;
    this.#draining.abort();
    this.#abandoning.abort();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    clearInterval(this.#heartbeat);
    this.#stopLooking();
    for (const held of this.#held.values()) loseRun(held);
  }

  async #idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all([...this.#work]);
  }

  #canLook(): boolean {
    return this.#isStarted && !this.#draining.signal.aborted;
  }

  #stopLooking(): void {
    this.#sender.stop();
    this.#follower.stop();
  }

  /** Somebody waits for the place that is free now, where the last look could not take all there was. */
  #wakeFor(stage: Stage): void {
    if (!this.#canLook()) return;
    if (stage === 'follow' && this.#isShort.follower) this.#follower.wake();
    else if (stage !== 'follow' && stage !== 'store' && this.#isShort.sender) this.#sender.wake();
  }

  /** Runs that wait to be sent, of as many tenants and platforms as there is room for. */
  async #lookForQueued(): Promise<Look> {
    await this.#deps.clockReady();
    const { database, providers } = this.#deps;
    const { submit, compute } = this.#stages.places;
    const isOpen = (slug: string) => this.#sendingPlaces(slug).roomAt(slug) > 0;
    const open = [...providers.keys()].filter(isOpen);
    // A place that becomes free while the lanes are read has another look.
    const isShut = open.length < providers.size;
    this.#isShort.sender = isShut;
    const cursors = open.map((provider) => ({ provider, after: this.#after.get(provider) ?? '' }));
    const listed = await listLanes(database.queries, { cursors, limit: lanesPerLook });
    const isWhole = listed.length < lanesPerLook;
    for (const provider of open) if (isWhole) this.#after.delete(provider);
    if (!isWhole) for (const { provider, subject } of listed) this.#after.set(provider, subject);
    const lanes = this.#withoutSlowed(listed);
    const isRemote = (slug: string) => this.#sendingPlaces(slug) === submit;
    const picks = [
      ...submit.allot(
        lanes.filter((lane) => isRemote(lane.provider) && this.#canAnswer(lane)),
        runsPerLook,
      ),
      ...compute.allot(
        lanes.filter((lane) => !isRemote(lane.provider)),
        runsPerLook,
      ),
    ];
    this.#isShort.sender = isShut || picks.length < lanes.length;
    const limits = await this.#deps.runLimits.known();
    const leasing = { ...this.#leaseRequest(), picks, limits };
    const { rows, reached } = await leaseWithinLimits(database, leasing);
    this.#noteHeldBack(reached);
    // What an operator holds back is not late.
    const unbound = rows.filter((row) => !isBounded(limits, row));
    this.#deps.metrics.leased('submit', unbound, this.#deps.now());
    for (const row of rows) {
      this.#sendingPlaces(row.provider).served(row);
      this.#drive(row, this.#stages.sendingStage(providers.get(row.provider)));
    }
    return {
      isMore: isCut(picks, rows) || !isWhole || cursors.some(({ after }) => after !== ''),
      ...(reached.length === 0 ? {} : { spacingMs: passingSpacingMs }),
    };
  }

  /** Whatever ends may make room, and time may. */
  #noteHeldBack(reached: readonly Reached[]): void {
    this.#isHeldBack = reached.length > 0;
    this.#deps.metrics.heldBack(reached);
    for (const { freeAt } of reached) if (freeAt !== undefined) this.#sender.wakeAt(freeAt);
  }

  /** One key that was used too much slows its own lane alone: neither others' nor that of its owner elsewhere. */
  #withoutSlowed(lanes: readonly Lane[]): Lane[] {
    const now = this.#deps.now();
    for (const [lane, until] of this.#slowed) if (until <= now) this.#slowed.delete(lane);
    return lanes.filter(({ provider, subject }) => !this.#slowed.has(`${provider} ${subject}`));
  }

  /** Runs whose submit is out: polls, questions what became of one, outputs to store. */
  async #lookForFollowed(): Promise<Look> {
    await this.#deps.clockReady();
    const { database, providers } = this.#deps;
    const { follow } = this.#stages.places;
    await this.#lookForAbandoned();
    const picks = [...providers.keys()]
      .map((provider) => ({ provider, limit: Math.min(follow.roomAt(provider), runsPerLook) }))
      .filter(({ limit }) => limit > 0);
    const without = follow.saturated(new Set(picks.map(({ provider }) => provider)));
    this.#isShort.follower = picks.length < providers.size || without.length > 0;
    const rows = await leaseFollowedRuns(database, { ...this.#leaseRequest(), picks, without });
    this.#deps.metrics.leased('follow', rows, this.#deps.now());
    for (const row of rows) this.#drive(row, 'follow');
    return {
      isMore: rows.length > 0,
      ...(without.length === 0 ? {} : { spacingMs: passingSpacingMs }),
    };
  }

  async #lookForAbandoned(): Promise<void> {
    const { database, providers, timings, now } = this.#deps;
    if (now() < this.#abandonedAt + timings.tickMs * abandonedTicks) return;
    this.#abandonedAt = now();
    // What waits for a paused platform ends at its deadline all the same.
    const paused = new Set((await listPauses(database.queries)).map(({ provider }) => provider));
    const known = [...providers.keys()].filter((slug) => !paused.has(slug));
    const request = { ...this.#leaseRequest(), known, limit: runsPerLook };
    for (const row of await leaseAbandonedRuns(database, request)) this.#drive(row, 'follow');
  }

  #leaseRequest(): { owner: string; now: number; leaseMs: number } {
    const { replica, timings, now } = this.#deps;
    return { owner: replica, now: now(), leaseMs: timings.leaseMs };
  }

  #sendingPlaces(slug: string): Stages['places']['submit'] {
    return this.#stages.places[this.#stages.sendingStage(this.#deps.providers.get(slug))];
  }

  /** Whether a place is free for the answer, where that may come in one long call. */
  #canAnswer(lane: { provider: string; subject: string }): boolean {
    const provider = this.#deps.providers.get(lane.provider);
    return provider?.jobsOf === undefined || this.#stages.places.hold.canTake(lane);
  }

  #drive(row: RunRow, stage: Stage, told?: ToldJob): void {
    // The same run under an older lease of ours: its step finds out at its next write.
    const before = this.#held.get(row.run_id);
    if (before !== undefined) loseRun(before);
    const held = holdRun(row);
    held.told = told;
    this.#held.set(row.run_id, held);
    this.#stages.enter(held, stage);
    const work = driveRun(this.#deps, held, this.#context)
      .then(() => this.#settled(held))
      .catch((error: unknown) => this.#deps.log.error({ runId: row.run_id, err: error }, 'a run was dropped'))
      .finally(() => {
        if (this.#held.get(row.run_id) === held) this.#held.delete(row.run_id);
        this.#work.delete(work);
        this.#stages.leave(held);
      });
    this.#work.add(work);
  }

  async #settled(held: HeldRun): Promise<void> {
    const { row } = held;
    if (row.phase !== 'done') {
      if (row.phase === 'queued') this.#refusing.add(row.provider);
      if (held.slowUntil !== undefined) this.#slowed.set(`${row.provider} ${row.subject}`, held.slowUntil);
      if (row.next_poll_at === null || !this.#canLook()) return;
      (row.phase === 'queued' ? this.#sender : this.#follower).wakeAt(row.next_poll_at);
      return;
    }
    // A free place in this process: whoever was refused for the lack of one need not wait for its turn to come round.
    if (this.#deps.providers.get(row.provider)?.capabilities.jobs !== 'process') return;
    if (!this.#refusing.has(row.provider)) return;
    const { database } = this.#deps;
    await hastenQueuedRuns(database.queries, { provider: row.provider, now: this.#deps.now(), limit: 1 });
    if (this.#canLook()) this.#sender.wake();
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
    const { leaseMs, renewMs } = this.#deps.timings;
    const until = this.#deps.now() + leaseMs;
    // Most were taken a moment ago and are given back before the next round.
    const held = [...this.#held.values()].filter(
      ({ isHeld, leasedUntil }) => isHeld && leasedUntil < until - renewMs / 2,
    );
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
    await this.#reclaim();
  }

  /** A job that lives in this process, whose run was lost meanwhile: nobody else can ever tell how it ends. */
  async #reclaim(): Promise<void> {
    const { database, replica, timings, log } = this.#deps;
    if (this.#abandoning.signal.aborted) return;
    for (const [runId, handle] of this.#context.localJobs) {
      if (this.#held.has(runId) || this.#deps.insistence.has(runId)) continue;
      const job = { runId, handle, owner: replica, now: this.#deps.now(), leaseMs: timings.leaseMs };
      try {
        const reclaimed = await reclaimRun(database, job);
        if (reclaimed === 'over') this.#context.localJobs.delete(runId);
        else if (reclaimed !== 'held') this.#drive(reclaimed, 'follow');
      } catch (error) {
        log.warn({ runId, err: error }, 'the run of a job that lives here could not be taken back');
      }
    }
  }
}

/** Whether a lane gave as many as were asked of it, so that there may be more in it. */
function isCut(picks: readonly (Lane & { limit: number })[], rows: readonly Lane[]): boolean {
  const left = new Map(picks.map((pick) => [`${pick.provider} ${pick.subject}`, pick.limit]));
  return rows.some(({ provider, subject }) => {
    const lane = `${provider} ${subject}`;
    const count = (left.get(lane) ?? 0) - 1;
    left.set(lane, count);
    return count === 0;
  });
}

/** Its step takes it in, after the question to its provider that may be under way. */
function tellHeldRun(held: HeldRun, told: ToldJob): void {
  held.isHastened = true;
  if (held.onView !== undefined && told.view !== undefined) held.onView(told.view);
  else held.told = told;
}

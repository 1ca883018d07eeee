/**
 * How many runs are under way, and whose: what a replica's runs are doing, each kind of work with places of its own, and what an
 * operator allows. A slow kind holds up no other. A platform that hangs or a tenant with a long queue takes places of a kind up
 * to a share of those that are free, so that whoever comes next finds one.
 */
import { availableParallelism } from 'node:os';
import {
  boundsOf,
  type Lane,
  listPauses,
  listRunLimits,
  type Queries,
  type RunLimit,
  type RunRow,
  readQueuePlace,
  rulesOf,
} from '@inferry/database';
import type { Provider } from '@inferry/providers';
import type { HeldRun } from './held-run.ts';

/**
 * `submit`: on its way to a platform. `follow`: a question to its platform. `store`: its outputs are copied. `hold`: kept
 * leased while its answer comes in one long call, or updates are pushed. `compute`: a model of this machine works on it.
 */
export type Stage = 'submit' | 'follow' | 'store' | 'hold' | 'compute';

export interface PollerLimits {
  /** Submits under way at once. */
  maxSubmits: number;
  /** Of them, at one platform. */
  maxSubmitsPerPlatform: number;
  /** Polls and other questions about runs that were sent. */
  maxPolls: number;
  /** Runs whose outputs are copied at once. */
  maxStores: number;
  /** Runs that are kept because their platform answers in one long call or pushes updates. */
  maxHeld: number;
  /** Runs of the models of this machine, which compute; as many more are of tenants who would have none otherwise. */
  maxLocal: number;
}

export const defaultPollerLimits: PollerLimits = {
  maxSubmits: 256,
  maxSubmitsPerPlatform: 128,
  maxPolls: 1_024,
  maxStores: 128,
  maxHeld: 1_024,
  maxLocal: Math.max(2, availableParallelism()),
};

export class Stages {
  readonly places: Readonly<Record<Stage, Places>>;
  readonly #stageOf = new Map<HeldRun, Stage>();
  /** Whose place it is: the run may be another platform's by the time that it leaves. */
  readonly #laneOf = new Map<HeldRun, Lane>();
  readonly #onFree: (stage: Stage) => void;

  constructor(limits: PollerLimits, onFree: (stage: Stage) => void) {
    this.#onFree = onFree;
    this.places = {
      submit: new Places({
        capacity: limits.maxSubmits,
        perPlatform: limits.maxSubmitsPerPlatform,
        keepsReserve: true,
      }),
      follow: new Places({ capacity: limits.maxPolls, keepsReserve: true }),
      store: new Places({ capacity: limits.maxStores, keepsReserve: true }),
      hold: new Places({ capacity: limits.maxHeld, keepsReserve: true }),
      compute: new Places({ capacity: limits.maxLocal, keepsReserve: false, beyond: limits.maxLocal }),
    };
  }

  /** Where a run begins that is sent to a provider. */
  sendingStage(provider: Provider | undefined): 'submit' | 'compute' {
    return provider?.capabilities.jobs === 'process' ? 'compute' : 'submit';
  }

  /** Also when there is no place left: what is under way goes on. */
  enter(held: HeldRun, stage: Stage): void {
    const before = this.#stageOf.get(held);
    if (before === stage) return;
    this.places[stage].take(this.#laneFor(held));
    this.#move(held, { from: before, to: stage });
  }

  /** As soon as there is a place; false when the run was lost before. */
  async enterWhenFree(held: HeldRun, stage: Stage): Promise<boolean> {
    const before = this.#stageOf.get(held);
    if (before === stage) return true;
    if (!(await this.places[stage].acquire(this.#laneFor(held), held.lost.signal))) return false;
    this.#move(held, { from: this.#stageOf.get(held), to: stage });
    return true;
  }

  canHold(held: HeldRun): boolean {
    return this.#stageOf.get(held) === 'hold' || this.places.hold.canTake(held.row);
  }

  leave(held: HeldRun): void {
    const stage = this.#stageOf.get(held);
    if (stage === undefined) return;
    this.#stageOf.delete(held);
    this.places[stage].leave(this.#laneFor(held));
    this.#laneOf.delete(held);
    this.#onFree(stage);
  }

  #laneFor(held: HeldRun): Lane {
    const { provider, subject } = held.row;
    const lane = this.#laneOf.get(held) ?? { provider, subject };
    this.#laneOf.set(held, lane);
    return lane;
  }

  #move(held: HeldRun, { from, to }: { from: Stage | undefined; to: Stage }): void {
    this.#stageOf.set(held, to);
    if (from === undefined) return;
    this.places[from].leave(this.#laneFor(held));
    this.#onFree(from);
  }
}

interface PlacesOptions {
  capacity: number;
  /** Of them, at one platform. */
  perPlatform?: number;
  /**
   * Whether whoever has more places than are left gets no further one. Off where a place is a core: those are used up,
   * and handed on in turn.
   */
  keepsReserve: boolean;
  /** Without a reserve: how many more tenants may have a place each who have none. Cores are shared, if more slowly. */
  beyond?: number;
}

interface Waiter {
  lane: Lane;
  admit(): void;
}

export class Places {
  readonly #options: PlacesOptions;
  readonly #platforms = new Counts();
  readonly #lanes = new Counts();
  readonly #tenants = new Counts();
  /** When a lane was given a place last, as a number that grows. */
  readonly #servedAt = new Map<string, number>();
  readonly #laneOf = new Map<string, Lane>();
  #waiters: Waiter[] = [];
  #used = 0;
  #turn = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  get used(): number {
    return this.#used;
  }

  /** Also beyond what is free, for work that cannot wait. */
  take(lane: Lane): void {
    const key = keyOf(lane);
    this.#used += 1;
    this.#platforms.add(lane.provider, 1);
    this.#tenants.add(lane.subject, 1);
    this.#lanes.add(key, 1);
    this.#laneOf.set(key, lane);
  }

  leave(lane: Lane): void {
    this.#giveBack(lane);
    const next = this.#waiters.find((waiter) => this.canTake(waiter.lane));
    if (next === undefined) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter !== next);
    this.take(next.lane);
    next.admit();
  }

  /** A place as soon as there is one; false when the signal came first. */
  async acquire(lane: Lane, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.canTake(lane)) {
      this.take(lane);
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { lane, admit: () => resolve(true) };
    const onAbort = () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      resolve(false);
    };
    this.#waiters.push(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    const isAdmitted = await promise;
    signal.removeEventListener('abort', onAbort);
    return isAdmitted;
  }

  /** Whether there is room for one more of this tenant at this platform. */
  canTake(lane: Lane): boolean {
    const count = this.#lanes.of(keyOf(lane));
    const free = this.#options.capacity - this.#used;
    if (!this.#options.keepsReserve && this.#tenants.of(lane.subject) > 0)
      return Math.min(free, this.#leftOf(lane.provider)) > 0;
    if (!this.#options.keepsReserve || count === 0) return this.roomAt(lane.provider) > 0;
    return count < this.#shareOf(lane.provider) && this.#tenants.of(lane.subject) < free;
  }

  /** How many more a platform may have of tenants who have none there yet. */
  roomAt(provider: string): number {
    const { capacity, keepsReserve, beyond = 0 } = this.#options;
    const free = capacity - this.#used;
    if (!keepsReserve) return Math.max(0, Math.min(this.#leftOf(provider), free) + beyond);
    const share = this.#shareOf(provider);
    const reserve = Math.floor(capacity / 8);
    return Math.max(0, share, Math.min(this.#leftOf(provider), free - reserve));
  }

  #leftOf(provider: string): number {
    const { capacity, perPlatform = capacity } = this.#options;
    return perPlatform - this.#platforms.of(provider);
  }

  /** How many more it may have, so that it has no more than it leaves to others. */
  #shareOf(provider: string): number {
    const free = this.#options.capacity - this.#used;
    return Math.min(this.#leftOf(provider), Math.ceil((free - this.#platforms.of(provider)) / 2));
  }

  /** Those who have as much as they may, of the platforms named. */
  saturated(providers: ReadonlySet<string>): Lane[] {
    const full: Lane[] = [];
    for (const lane of this.#laneOf.values()) {
      if (providers.has(lane.provider) && !this.canTake(lane)) full.push(lane);
    }
    return full;
  }

  /** Shares what is free out to lanes, one each in turn: first those that have least, then those that waited longest. */
  allot(lanes: readonly Lane[], most: number): (Lane & { limit: number })[] {
    const order = [...lanes].sort(
      (one, other) => this.#lanes.of(keyOf(one)) - this.#lanes.of(keyOf(other)) || this.#waited(one, other),
    );
    const given = new Map<Lane, number>();
    let total = 0;
    for (let isMoving = true; isMoving && total < most; ) {
      isMoving = false;
      for (const lane of order) {
        if (total >= most || !this.canTake(lane)) continue;
        this.take(lane);
        given.set(lane, (given.get(lane) ?? 0) + 1);
        total += 1;
        isMoving = true;
      }
    }
    for (const [lane, count] of given) for (let index = 0; index < count; index += 1) this.#giveBack(lane);
    return [...given].map(([lane, limit]) => ({ ...lane, limit }));
  }

  /** Notes that a lane had its turn. */
  served(lane: Lane): void {
    this.#turn += 1;
    const key = keyOf(lane);
    this.#servedAt.delete(key);
    this.#servedAt.set(key, this.#turn);
    const [longestAgo] = this.#servedAt.keys();
    if (this.#servedAt.size > maxRemembered && longestAgo !== undefined) this.#servedAt.delete(longestAgo);
  }

  #waited(one: Lane, other: Lane): number {
    return (this.#servedAt.get(keyOf(one)) ?? 0) - (this.#servedAt.get(keyOf(other)) ?? 0);
  }

  #giveBack(lane: Lane): void {
    const key = keyOf(lane);
    this.#used -= 1;
    this.#platforms.add(lane.provider, -1);
    this.#tenants.add(lane.subject, -1);
    if (this.#lanes.add(key, -1) === 0) this.#laneOf.delete(key);
  }
}

const maxRemembered = 10_000;

function keyOf({ provider, subject }: Lane): string {
  return `${provider} ${subject}`;
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, by: number): number {
    const count = this.of(key) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
    return count;
  }
}

// How many runs a tenant or a platform may have under way, as the operator set it last; and where a run that waits stands.

export interface RunLimits {
  /** Read again every few seconds. */
  known(): Promise<readonly RunLimit[]>;
  /** Runs of a tenant that have not ended. */
  mostOpen(subject: string): Promise<number>;
}

const readEveryMs = 5_000;

export function createRunLimits({
  queries,
  now,
  maxOpenRuns,
}: {
  queries: Queries;
  now(): number;
  maxOpenRuns: number;
}): RunLimits {
  let read: { at: number; limits: Promise<readonly RunLimit[]> } | undefined;
  async function known(): Promise<readonly RunLimit[]> {
    const at = now();
    if (read === undefined || at - read.at >= readEveryMs || at < read.at) {
      read = { at, limits: listRunLimits(queries) };
    }
    const mine = read;
    return mine.limits.catch((error: unknown) => {
      if (read === mine) read = undefined;
      throw error;
    });
  }
  return {
    known,
    async mostOpen(subject) {
      return rulesOf(await known(), { scope: 'subject', value: subject }).open ?? maxOpenRuns;
    },
  };
}

/** Whether the operator bounds what is sent for this tenant, or to this platform: then a run that waits is not late. */
export function isBounded(limits: readonly RunLimit[], row: Pick<RunRow, 'provider' | 'subject'>): boolean {
  return boundsOf(limits, row).length > 0;
}

export interface QueuePlace {
  /** From 1, among the tenant's runs that wait for that platform. */
  position: number;
  /** In words; undefined where nothing but its turn holds it up. */
  why: string | undefined;
}

/** Where a run stands that waits to be sent; undefined where it does not, or is just being sent. */
export async function queuePlaceOf(
  { queries, limits, now }: { queries: Queries; limits: RunLimits; now: number },
  row: RunRow,
): Promise<QueuePlace | undefined> {
  const { phase, next_poll_at: dueAt, lease_until: leaseUntil } = row;
  if (phase !== 'queued' || dueAt === null || dueAt > now || (leaseUntil ?? 0) > now) return undefined;
  const { before, full } = await readQueuePlace(queries, row, { limits: await limits.known(), now });
  const pauses = await listPauses(queries);
  const isPaused = pauses.some(({ provider, mode }) => provider === row.provider && mode === 'pause');
  const [first] = full;
  const reason = isPaused ? `${row.provider} is paused here` : first && wordsOf(first, row.provider);
  const ahead = before === 0 ? 'It is the next of yours' : `${before} of yours are before it`;
  return { position: before + 1, why: reason && `It waits for its turn: ${reason}. ${ahead}.` };
}

type Full = Awaited<ReturnType<typeof readQueuePlace>>['full'][number];

function wordsOf({ scope, what, atOnce = 0, rate }: Full, provider: string): string {
  const whose = scope === 'subject' ? 'you have' : `${provider} has`;
  if (what === 'at_once') return `${whose} as many runs under way as there may be at once here (${atOnce})`;
  return `${whose} had as many runs sent as there may be (${rate?.count ?? 0} in ${spanOf(rate?.windowMs ?? 0)})`;
}

function spanOf(windowMs: number): string {
  const spans = [
    [86_400_000, 'a day'],
    [3_600_000, 'an hour'],
    [60_000, 'a minute'],
    [1_000, 'a second'],
  ] as const;
  return spans.find(([ms]) => ms === windowMs)?.[1] ?? `${windowMs / 1_000} s`;
}

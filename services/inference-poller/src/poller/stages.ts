/** What a replica's runs are doing, each kind of work with places of its own: a slow kind holds up no other. */
import { availableParallelism } from 'node:os';
import type { Lane } from '@inferry/database';
import type { Provider } from '@inferry/providers';
import type { HeldRun } from './held-run.ts';
import { Places } from './places.ts';

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

/** The open `events/stream` of this process: who is told when to look for more, and how many there may be. */
import type { Bus, Subscription } from '@inferry/bus';
import { catalogChanged, runFinished, runProgressed } from '@inferry/contracts';
import { defaultSubscriptionLimits, type SubscriptionLimits } from '../subscriptions/subscriptions.ts';

/** What happens at one moment is looked for once. */
const gatherMs = 50;

/**
 * Events of the bus wake the streams of whoever they are about; they say nothing: what happened is read from its owner, by cursor,
 * so that nothing has to be kept here for a client that does not read.
 */
export class EventStreams {
  readonly #bus: Bus;
  readonly #limits: SubscriptionLimits;
  readonly #bySubject = new Map<string, Set<() => void>>();
  #size = 0;
  #heard: readonly Subscription[] = [];
  #waking: NodeJS.Timeout | undefined;
  readonly #toWake = new Set<string | undefined>();

  constructor(bus: Bus, limits: SubscriptionLimits = defaultSubscriptionLimits) {
    this.#bus = bus;
    this.#limits = limits;
  }

  isFull(subject: string): boolean {
    const own = this.#bySubject.get(subject)?.size ?? 0;
    return this.#size >= this.#limits.perProcess || own >= this.#limits.perGrant;
  }

  /** Calls `wake` when something may have happened to this subject; returns what ends that. */
  open(subject: string, wake: () => void): () => void {
    const own = this.#bySubject.get(subject) ?? new Set();
    own.add(wake);
    this.#bySubject.set(subject, own);
    this.#size += 1;
    if (this.#heard.length === 0) this.#listen();
    return () => {
      if (!own.delete(wake)) return;
      if (own.size === 0) this.#bySubject.delete(subject);
      this.#size -= 1;
      if (this.#size === 0) this.close();
    };
  }

  close(): void {
    clearTimeout(this.#waking);
    this.#waking = undefined;
    for (const subscription of this.#heard) subscription.unsubscribe();
    this.#heard = [];
  }

  #listen(): void {
    this.#heard = [
      this.#bus.on(runProgressed, ({ subject }) => this.#wake(subject)),
      this.#bus.on(runFinished, ({ subject }) => this.#wake(subject)),
      this.#bus.on(catalogChanged, () => this.#wake(undefined)),
    ];
  }

  /** Without a subject: everybody's. */
  #wake(subject: string | undefined): void {
    this.#toWake.add(subject);
    this.#waking ??= setTimeout(() => this.#wakeAll(), gatherMs).unref();
  }

  #wakeAll(): void {
    this.#waking = undefined;
    const subjects = this.#toWake.has(undefined) ? [...this.#bySubject.keys()] : [...this.#toWake];
    this.#toWake.clear();
    for (const subject of subjects) {
      for (const wake of this.#bySubject.get(subject ?? '') ?? []) wake();
    }
  }
}

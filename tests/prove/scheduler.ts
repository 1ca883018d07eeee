// The one owner of time, order and chance of a simulated deployment: everything that a process waits for (a timer, a
// statement, a message, a reply, a file) is an entry in one queue, drawn from one seed, so that the same seed is the same story.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRandom, type Random } from '../trial/random.ts';

/** Kept from before anything was replaced: between two entries everything that they led to has to have run. */
const afterEverything = globalThis.setImmediate;
const stepsInTurn = 200;

export interface Entry {
  at: number;
  readonly order: number;
  /** Whose it is: nothing of a process runs while that stands still, and nothing after it died. */
  readonly process: SimProcess | undefined;
  /** A process that sleeps with its machine finds its timers where they were. */
  readonly isTimer: boolean;
  readonly what: string;
  run: (() => void) | undefined;
}

/** One process of the deployment, from its start to its death; whoever is started in its place is another. */
export class SimProcess {
  readonly name: string;
  state: 'up' | 'frozen' | 'dead' = 'up';
  /** What its wall clock is off by. */
  wallShiftMs = 0;
  /** How long its machine was asleep: its monotonic clock stood still meanwhile. */
  sleptMs = 0;
  /** What came while it stood still. */
  readonly waiting: Entry[] = [];
  /** Told when it dies. */
  readonly onDeath: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

const current = new AsyncLocalStorage<SimProcess>();

export class Scheduler {
  readonly random: Random;
  /** Milliseconds since the beginning. */
  now = 0;
  /** Of all that happened, in order. */
  hash = 0x811c9dc5;
  steps = 0;
  /** Told of each step, for whoever reads along. */
  onStep: ((line: string) => void) | undefined;
  /** Told of each entry right before it is. */
  onEntry: ((entry: Entry) => void) | undefined;
  /** How often what happened: a fault that is never drawn shows nothing. */
  readonly counts: Record<string, number> = {};
  readonly #heap: Entry[] = [];
  #orders = 0;

  constructor(seed: number) {
    this.random = createRandom(seed);
  }

  static get process(): SimProcess | undefined {
    return current.getStore();
  }

  within<T>(process: SimProcess, work: () => T): T {
    return current.run(process, work);
  }

  add(entry: Pick<Entry, 'at' | 'what'> & Partial<Entry> & { run: () => void }): Entry {
    const added: Entry = {
      ...{ process: undefined, isTimer: false, order: this.#orders++ },
      ...entry,
    };
    this.#push(added);
    return added;
  }

  /** Resolves for a process when so much time has passed: never for one that died meanwhile, later for one that stood still. */
  pass(process: SimProcess | undefined, ms: number, what: string): Promise<void> {
    return new Promise((resolve) => void this.add({ process, at: this.now + ms, what, run: resolve }));
  }

  /** A line of the story that is no entry of the queue. */
  tell(line: string): void {
    this.#mix(line);
    this.onStep?.(`${this.now.toFixed(1).padStart(9)}  ${line}`);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  freeze(process: SimProcess): void {
    if (process.state === 'up') process.state = 'frozen';
  }

  /** It goes on; after a sleep of the machine its timers have as long to go as before. */
  thaw(process: SimProcess, sleptMs = 0): void {
    if (process.state !== 'frozen') return;
    process.state = 'up';
    process.sleptMs += sleptMs;
    if (sleptMs > 0) {
      for (const entry of this.#heap) if (entry.process === process && entry.isTimer) entry.at += sleptMs;
      this.#heapify();
    }
    const waiting = process.waiting.splice(0);
    for (const entry of waiting) {
      const dueAt = entry.isTimer && sleptMs > 0 ? entry.at + sleptMs : this.now;
      this.#push({ ...entry, at: Math.max(dueAt, this.now), order: this.#orders++, run: entry.run });
    }
  }

  kill(process: SimProcess): void {
    if (process.state === 'dead') return;
    process.state = 'dead';
    process.waiting.length = 0;
    for (const tell of process.onDeath) tell();
  }

  /**
   * Runs until that is true, or so much time has passed; answers whether it is. Immediates of one turn of the event loop are run one
   * after the other with all that each led to in between, so that a turn has many of them.
   */
  run(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    let hasEnded = false;
    const end = (answer: boolean) => {
      hasEnded = true;
      resolve(answer);
    };
    const step = () => {
      if (hasEnded) return;
      try {
        if (isDone()) return end(true);
        const entry = this.#next();
        if (entry === undefined || entry.at > limitMs) return end(false);
        this.#meet(entry);
      } catch (error) {
        hasEnded = true;
        reject(error);
      }
    };
    const turn = () => {
      step();
      for (let count = 1; count < stepsInTurn && !hasEnded; count += 1) afterEverything(step);
      if (!hasEnded) afterEverything(turn);
    };
    turn();
    return promise;
  }

  #next(): Entry | undefined {
    let entry = this.#pop();
    while (entry !== undefined && isOver(entry)) entry = this.#pop();
    return entry;
  }

  #meet(entry: Entry): void {
    const { process, run } = entry;
    if (run === undefined) return;
    this.now = Math.max(this.now, entry.at);
    if (process?.state === 'up') this.onEntry?.(entry);
    if (process?.state === 'dead') return;
    if (process?.state === 'frozen') return void process.waiting.push(entry);
    entry.run = undefined;
    this.steps += 1;
    if (!entry.isTimer) this.tell(`${process?.name ?? 'world'}: ${entry.what}`);
    if (process === undefined || entry.isTimer) run();
    else current.run(process, run);
  }

  #mix(line: string): void {
    let hash = this.hash ^ (this.now * 16);
    for (let index = 0; index < line.length; index++)
      hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
    this.hash = hash >>> 0;
  }

  #isBefore(one: Entry, other: Entry): boolean {
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #push(entry: Entry): void {
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  #pop(): Entry | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last === undefined || first === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    this.#sink(0);
    return first;
  }

  #heapify(): void {
    for (let index = this.#heap.length >> 1; index >= 0; index--) this.#sink(index);
  }

  #rise(from: number): void {
    for (let index = from; index > 0; ) {
      const above = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, above)) return;
      index = above;
    }
  }

  #sink(from: number): void {
    for (let index = from; ; ) {
      const left = 2 * index + 1;
      const right = left + 1;
      const [one, other] = [this.#heap[left], this.#heap[right]];
      if (one === undefined) return;
      const least = other !== undefined && this.#isBefore(other, one) ? right : left;
      if (!this.#swapIfBefore(least, index)) return;
      index = least;
    }
  }

  /** Swaps where the one at `low` comes before the one at `high`. */
  #swapIfBefore(low: number, high: number): boolean {
    const [one, other] = [this.#heap[low], this.#heap[high]];
    if (one === undefined || other === undefined || !this.#isBefore(one, other)) return false;
    this.#heap[low] = other;
    this.#heap[high] = one;
    return true;
  }
}

/** A timer that was cleared, or somebody dead. */
function isOver({ run, process }: Entry): boolean {
  return run === undefined || process?.state === 'dead';
}

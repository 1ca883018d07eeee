import type { Bus, Subscription } from '@inferry/bus';
import { runFinished, runProgressed } from '@inferry/contracts';
import { isRefusal } from '../json-rpc.ts';
import { isOver } from './task-results.ts';
import type { TaskCaller, Tasks } from './tasks.ts';

/** Whoever follows tasks, and the tasks of the mount that it came to. */
interface TaskFollower extends TaskCaller {
  tasks: Tasks;
}

export interface FollowTimings {
  /** Changes within this time are read together. */
  gatherMs: number;
  /** A task that goes on is not read more often. */
  leastMs: number;
  /** How often one is read without an event, in its own intervals: an event may be lost, and not all tasks have some. */
  rereadPolls: number;
  tickMs: number;
}

const defaultTimings: FollowTimings = { gatherMs: 50, leastMs: 1_000, rereadPolls: 5, tickMs: 250 };

export interface FollowedTasksOptions {
  /** Tasks followed at once in this process. */
  limit?: number;
  timings?: Partial<FollowTimings>;
  now?: () => number;
  random?: () => number;
}

/** Told of a task's state, as `tasks/get` would answer it, whenever that is another one. */
export type TellTask = (id: string, text: string) => void;

interface Followed {
  id: string;
  caller: TaskFollower;
  tell: TellTask;
  /** What was told last. */
  text: string | undefined;
  readAt: number;
  dueAt: number;
  isReading: boolean;
}

/** Reads open at once: a burst of events must not become a burst of calls. */
const maxReads = 16;
const defaultPollMs = 2_000;

/**
 * The tasks that clients of this replica follow. Every replica hears every event of runs, whose ids are those of their
 * tasks; what an event says is read again, so that clients are told what `tasks/get` tells.
 */
export class FollowedTasks {
  readonly #bus: Bus;
  readonly #limit: number;
  readonly #timings: FollowTimings;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #byId = new Map<string, Set<Followed>>();
  #size = 0;
  #reads = 0;
  #events: readonly Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: Bus, options: FollowedTasksOptions = {}) {
    this.#bus = bus;
    this.#limit = options.limit ?? 20_000;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#now = options.now ?? performance.now.bind(performance);
    this.#random = options.random ?? Math.random;
    bus.onStatus((isConnected) => {
      // Events of the time without a connection are lost.
      if (isConnected) for (const id of this.#byId.keys()) this.#hear(id, 0);
    });
  }

  hasRoom(count: number): boolean {
    return this.#size + count <= this.#limit;
  }

  /**
   * Which of these tasks the caller has, and how to be told of them: first of what they are now, so that a change
   * between a call's answer and this is not missed.
   */
  async open(
    caller: TaskFollower,
    ids: readonly string[],
  ): Promise<{ ids: string[]; follow(tell: TellTask): () => void }> {
    const views = new Map<string, string | undefined>();
    // A few at a time, like the reads that follow.
    for (let at = 0; at < ids.length; at += maxReads) {
      const some = ids.slice(at, at + maxReads);
      const texts = await Promise.all(some.map((id) => this.#look(caller, id)));
      for (const [index, id] of some.entries()) {
        const view = texts[index];
        if (view !== 'unknown') views.set(id, view);
      }
    }
    return { ids: [...views.keys()], follow: (tell) => this.#follow(caller, views, tell) };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening();
  }

  /** The task's text; undefined when that cannot be told now. */
  async #look(caller: TaskFollower, id: string): Promise<string | undefined | 'unknown'> {
    try {
      const view = await caller.tasks.read(caller, id);
      if (!isRefusal(view)) return view.text;
      return view.data.code === 'unavailable' ? undefined : 'unknown';
    } catch {
      // The service is away: the task is read again on the timer.
      return undefined;
    }
  }

  #follow(caller: TaskFollower, views: ReadonlyMap<string, string | undefined>, tell: TellTask): () => void {
    const now = this.#now();
    const all = [...views].map(([id, text]): Followed => {
      if (text !== undefined) tell(id, text);
      return { id, caller, tell, text, readAt: now, dueAt: now, isReading: false };
    });
    for (const one of all) {
      const followers = this.#byId.get(one.id) ?? new Set();
      this.#byId.set(one.id, followers.add(one));
      this.#size += 1;
    }
    if (this.#size > 0) this.#listen();
    return () => {
      for (const one of all) this.#remove(one);
    };
  }

  #remove(one: Followed): void {
    const followers = this.#byId.get(one.id);
    if (followers?.delete(one) !== true) return;
    this.#size -= 1;
    if (followers.size === 0) this.#byId.delete(one.id);
    if (this.#size === 0) this.#stopListening();
  }

  #listen(): void {
    if (this.#timer !== undefined) return;
    this.#events = [
      this.#bus.on(runProgressed, ({ run_id: id }) => this.#hear(id, this.#timings.leastMs)),
      this.#bus.on(runFinished, ({ run_id: id }) => this.#hear(id, 0)),
    ];
    this.#timer = setInterval(() => this.#readDue(), this.#timings.tickMs).unref();
  }

  #stopListening(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const subscription of this.#events) subscription.unsubscribe();
    this.#events = [];
  }

  #hear(id: string, leastMs: number): void {
    const now = this.#now();
    for (const one of this.#byId.get(id) ?? []) {
      one.dueAt = Math.min(one.dueAt, Math.max(one.readAt + leastMs, now + this.#timings.gatherMs));
    }
  }

  #readDue(): void {
    const now = this.#now();
    for (const followers of this.#byId.values()) {
      for (const one of followers) {
        if (this.#reads >= maxReads) return;
        if (one.dueAt <= now && !one.isReading) void this.#read(one);
      }
    }
  }

  /** Never rejects. */
  async #read(one: Followed): Promise<void> {
    this.#reads += 1;
    one.isReading = true;
    one.readAt = this.#now();
    one.dueAt = Number.POSITIVE_INFINITY;
    let pollMs = defaultPollMs;
    try {
      const view = await one.caller.tasks.read(one.caller, one.id);
      if (!isRefusal(view)) {
        if (view.text !== one.text) one.tell(one.id, view.text);
        one.text = view.text;
        pollMs = view.state.pollMs;
        if (isOver(view.state)) this.#remove(one);
      }
    } catch {
      // The service is away: the task is read again on the timer.
    }
    one.isReading = false;
    this.#reads -= 1;
    const rereadMs = Math.max(this.#timings.leastMs, pollMs * this.#timings.rereadPolls);
    one.dueAt = Math.min(one.dueAt, this.#now() + rereadMs * (0.8 + 0.4 * this.#random()));
  }
}

/** Work that is let in some at a time, with a share for each tenant, in turn: one who asks for much waits alone. */
import { AppError } from '@inferry/contracts';

interface GateOptions {
  atOnce: number;
  waiting: number;
  /** Of one tenant: at once and waiting. */
  atOnceEach: number;
  waitingEach: number;
  /** What there is too much of, for the refusal. */
  what: string;
  /** Work that has lasted so long is stopped for another tenant that waits, and begun again at its next turn. */
  turnMs?: number;
}

/** How often work is begun for one call. */
const maxTurns = 3;

/** Work that is inside and can be stopped. */
interface Work {
  tenant: string;
  begunAt: number;
  stop: AbortController;
}

interface Waiter {
  tenant: string;
  enter(): void;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #inside = new Map<string, number>();
  /** When each tenant that waits had its last turn. */
  readonly #lastTurn = new Map<string, number>();
  #waiting: Waiter[] = [];
  #busy = 0;
  #turns = 0;
  readonly #working = new Set<Work>();
  #nextLook: NodeJS.Timeout | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Runs the work when there is room; gives up its place in the row when the signal is aborted. The work ends when the signal
   * that it is given is aborted.
   */
  async run<T>(tenant: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let turn = 1; turn <= maxTurns; turn++) {
      if (signal.aborted) throw gone();
      if (this.#hasRoomFor(tenant)) this.#enter(tenant);
      else await this.#wait(tenant, signal);
      const mine = { tenant, begunAt: performance.now(), stop: new AbortController() };
      this.#working.add(mine);
      this.#makeWay();
      try {
        return await work(AbortSignal.any([signal, mine.stop.signal]));
      } catch (error) {
        if (signal.aborted || !mine.stop.signal.aborted) throw error;
      } finally {
        this.#working.delete(mine);
        this.#leave(tenant);
      }
    }
    throw new AppError('busy', 'This takes long, and others wait.', {
      retryAfterSeconds: 10,
      nextAction: 'Call again later.',
    });
  }

  /** Stops what has had its turn while somebody of another tenant waits; else looks again when it will have. */
  #makeWay(): void {
    clearTimeout(this.#nextLook);
    const { turnMs, atOnceEach } = this.#options;
    if (turnMs === undefined) return;
    const waiting = this.#waiting.filter(({ tenant }) => (this.#inside.get(tenant) ?? 0) < atOnceEach);
    const others = [...this.#working].filter(
      ({ stop, tenant }) => !stop.signal.aborted && waiting.some((waiter) => waiter.tenant !== tenant),
    );
    const [first] = others.sort((a, b) => a.begunAt - b.begunAt);
    if (first === undefined) return;
    const leftMs = first.begunAt + turnMs - performance.now();
    if (leftMs <= 0) first.stop.abort();
    else this.#nextLook = setTimeout(() => this.#makeWay(), leftMs).unref();
  }

  #hasRoomFor(tenant: string): boolean {
    const { atOnce, atOnceEach } = this.#options;
    return this.#busy < atOnce && (this.#inside.get(tenant) ?? 0) < atOnceEach;
  }

  #enter(tenant: string): void {
    this.#busy += 1;
    this.#inside.set(tenant, (this.#inside.get(tenant) ?? 0) + 1);
  }

  #leave(tenant: string): void {
    this.#busy -= 1;
    const left = (this.#inside.get(tenant) ?? 1) - 1;
    if (left === 0) this.#inside.delete(tenant);
    else this.#inside.set(tenant, left);
    // Of those for whom there is room, one of the tenant that has the least of it; among equals the first.
    const load = (waiter: Waiter) => this.#inside.get(waiter.tenant) ?? 0;
    const turn = (waiter: Waiter) => this.#lastTurn.get(waiter.tenant) ?? 0;
    const [next] = this.#waiting
      .filter((waiter) => this.#hasRoomFor(waiter.tenant))
      .sort((a, b) => load(a) - load(b) || turn(a) - turn(b));
    next?.enter();
  }
  #wait(tenant: string, signal: AbortSignal): Promise<void> {
    const { waiting, waitingEach, what } = this.#options;
    const own = this.#waiting.filter((waiter) => waiter.tenant === tenant).length;
    if (this.#waiting.length >= waiting || own >= waitingEach) {
      const whose = own >= waitingEach ? 'of yours ' : '';
      throw new AppError('busy', `Too many ${what} ${whose}are waiting.`, {
        retryAfterSeconds: 3,
        nextAction: 'Call again in a few seconds.',
      });
    }
    return new Promise((resolve, reject) => {
      const leaveRow = () => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting = this.#waiting.filter((each) => each !== waiter);
        if (!this.#waiting.some((each) => each.tenant === tenant)) this.#lastTurn.delete(tenant);
      };
      const onAbort = () => {
        leaveRow();
        reject(gone());
      };
      const waiter: Waiter = {
        tenant,
        enter: () => {
          this.#turns += 1;
          this.#lastTurn.set(tenant, this.#turns);
          leaveRow();
          this.#enter(tenant);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#makeWay();
    });
  }
}

function gone(): AppError {
  return new AppError('cancelled', 'The caller no longer waits.');
}

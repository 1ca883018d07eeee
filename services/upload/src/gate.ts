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

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Runs the work when there is room; gives up its place in the row when the signal is aborted. */
  async run<T>(tenant: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw gone();
    if (this.#hasRoomFor(tenant)) this.#enter(tenant);
    else await this.#wait(tenant, signal);
    try {
      return await work();
    } finally {
      this.#leave(tenant);
    }
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
    });
  }
}

function gone(): AppError {
  return new AppError('cancelled', 'The caller no longer waits.');
}

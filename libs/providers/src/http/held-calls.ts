import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, toAppError } from '@inferry/contracts';
import type {
  CancelResult,
  JobErrorCode,
  JobHandle,
  JobView,
  ProviderContext,
  Recovery,
  SubmitGuard,
} from '../provider.ts';

export interface HeldCallsOptions {
  title: string;
  /** How long `start` waits for the answer itself once the call has left, so that a refusal is a refusal. Default 5 s. */
  graceMs?: number;
  /** The longest that a call may take, where an operator set one. Default a day: the run's own deadline ends it before. */
  deadlineMs?: number | undefined;
  /** How long a finished call can be read that nobody forgets: until its run has ended there is no other copy. Default an hour. */
  keepMs?: number;
  /**
   * Calls that run at the same time; one more is refused as `busy`. Default 4,096: whoever sends runs bounds them before,
   * and fairly.
   */
  maxRunning?: number;
  /** Finished calls that are kept until somebody forgets them, as while the database is away. Default 512. */
  maxKept?: number;
}

/** The timeout of a held call: its signal, and with it the run's deadline, ends it earlier. */
export const maxCallMs = 86_400_000;

/** The work of one call. `guard` is that of its submit; `report` tells of progress; it resolves with the view of its end. */
export type HeldWork = (call: {
  signal: AbortSignal;
  guard: SubmitGuard | undefined;
  report: (view: Partial<JobView>) => void;
}) => Promise<JobView>;

interface Held {
  id: string;
  runId: string;
  view: JobView;
  abort: AbortController;
  changed: PromiseWithResolvers<void>;
  /** What has not left may be given up any time: nothing is known by it. */
  hasLeft: boolean;
  endedAt: number | undefined;
}

/**
 * Jobs of a platform that answers in the same call, which may take minutes: the call is held in this process while the
 * run is polled like any other (`jobsOf` says `process`). A process that dies takes the answer with it, and
 * nobody can tell then what was charged: `recover` says so.
 */
export class HeldCalls {
  readonly #options: Required<HeldCallsOptions> & { deadlineMs: number };
  readonly #owner = randomUUID();
  readonly #held = new Map<string, Held>();

  constructor(options: HeldCallsOptions) {
    const defaults = { graceMs: 5_000, keepMs: 3_600_000, maxRunning: 4_096, maxKept: 512 };
    this.#options = { ...defaults, ...options, deadlineMs: options.deadlineMs ?? maxCallMs };
  }

  /**
   * Throws what the platform refuses within the grace; after it, a refusal is the view of a failed job. The grace begins when the call
   * has left, and ends with the time of its submit: one that finds no connection is no job, and one that has left is not lost because
   * it left late.
   */
  async start(
    runId: string,
    work: HeldWork,
    submit: Partial<Pick<ProviderContext, 'guard' | 'signal'>> = {},
  ): Promise<{ handle: JobHandle; view: JobView }> {
    this.#makeRoom();
    const held: Held = {
      id: randomUUID(),
      runId,
      view: { status: 'running', upstreamStatus: 'accepted' },
      abort: new AbortController(),
      changed: Promise.withResolvers(),
      hasLeft: false,
      endedAt: undefined,
    };
    this.#held.set(held.id, held);
    const signal = AbortSignal.any([held.abort.signal, AbortSignal.timeout(this.#options.deadlineMs)]);
    const report = (part: Partial<JobView>) => this.#update(held, { ...held.view, ...part });
    let refusal: AppError | undefined;
    const departure = watchDeparture(submit, {
      giveUp: () => held.abort.abort(),
      leave: () => {
        held.hasLeft = true;
      },
    });
    const ended = work({ signal, report, guard: departure.guard }).then(
      (view) => this.#end(held, view),
      (error: unknown) => {
        refusal = toAppError(error);
        this.#end(held, this.#failed(held, refusal));
      },
    );
    const grace = new AbortController();
    const waited = departure.left
      .then(() => sleep(this.#options.graceMs, undefined, { signal: grace.signal }))
      .catch(() => undefined);
    await Promise.race([ended, held.changed.promise, waited, departure.isOver]);
    grace.abort();
    departure.stop();
    // Reported meanwhile: an answer has begun, so that it was taken.
    if (refusal !== undefined) {
      this.#held.delete(held.id);
      throw refusal;
    }
    return { handle: { job_id: held.id, owner: this.#owner }, view: held.view };
  }

  poll(handle: JobHandle): JobView {
    const held = this.#find(handle);
    if (held !== undefined) return held.view;
    if (handle.owner === this.#owner) return { status: 'expired', upstreamStatus: 'expired' };
    const message = `The process that waited for ${this.#options.title} has stopped, and its answer is lost. It may have been charged.`;
    return { status: 'failed', upstreamStatus: 'lost', error: { code: 'submit_unknown', message } };
  }

  async *watch(handle: JobHandle, { signal }: ProviderContext): AsyncGenerator<JobView> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const held = this.#find(handle);
        const changed = held?.changed.promise;
        yield this.poll(handle);
        if (held === undefined || held.endedAt !== undefined) return;
        await Promise.race([changed, aborted.promise]);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Hangs up. Whether the platform stops, and what it charges, is its own matter. */
  cancel(handle: JobHandle): CancelResult {
    const held = this.#find(handle);
    if (held === undefined || held.endedAt !== undefined) return 'too_late';
    this.#end(held, { status: 'cancelled', upstreamStatus: 'hung up' });
    held.abort.abort();
    return 'confirmed';
  }

  /** A call that was given up before it left, and has not ended yet, is not the job of the one that was sent after it. */
  recover(runId: string): Recovery {
    const held = [...this.#held.values()].find((call) => call.runId === runId && call.hasLeft);
    if (held === undefined) return { outcome: 'unknown' };
    return { outcome: 'found', handle: { job_id: held.id, owner: this.#owner } };
  }

  /** Its run has ended: what came of the call is written down. */
  forget(handle: JobHandle): void {
    const held = this.#find(handle);
    if (held?.endedAt !== undefined) this.#held.delete(held.id);
  }

  close(): void {
    for (const held of this.#held.values()) held.abort.abort();
    this.#held.clear();
  }

  #find({ job_id: id, owner }: JobHandle): Held | undefined {
    return owner === this.#owner && typeof id === 'string' ? this.#held.get(id) : undefined;
  }

  #update(held: Held, view: JobView): void {
    if (held.endedAt !== undefined) return;
    held.view = view;
    const { resolve } = held.changed;
    held.changed = Promise.withResolvers();
    resolve();
  }

  #end(held: Held, view: JobView): void {
    if (held.endedAt !== undefined) return;
    this.#update(held, view);
    held.endedAt = Date.now();
    setTimeout(() => this.#held.delete(held.id), this.#options.keepMs).unref();
  }

  /** A call that broke off after the platform had it may have been charged; a refusal was not. */
  #failed(held: Held, error: AppError): JobView {
    const isUncertain = error.code === 'unavailable' || error.code === 'upstream_malformed';
    const code = isUncertain ? 'submit_unknown' : (toJobErrorCode(error) ?? 'generate_failed');
    const told = isUncertain ? ' It may have been charged.' : '';
    return {
      ...held.view,
      status: 'failed',
      upstreamStatus: 'failed',
      error: { code, message: error.message + told },
    };
  }

  #makeRoom(): void {
    const calls = [...this.#held.values()];
    const running = calls.filter(({ endedAt }) => endedAt === undefined).length;
    if (running >= this.#options.maxRunning) {
      throw new AppError('busy', `Too many calls to ${this.#options.title} are under way.`, {
        retryAfterSeconds: 5,
      });
    }
    const ended = calls.filter(({ endedAt }) => endedAt !== undefined);
    for (const { id } of ended.slice(0, Math.max(0, ended.length - this.#options.maxKept + 1)))
      this.#held.delete(id);
  }
}

/** When a call leaves, as its guard is asked; a submit that is given up before takes the call with it. */
function watchDeparture(
  { guard, signal }: Partial<Pick<ProviderContext, 'guard' | 'signal'>>,
  { giveUp, leave }: { giveUp(): void; leave(): void },
): { guard: SubmitGuard | undefined; left: Promise<void>; isOver: Promise<void>; stop(): void } {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
  let hasLeft = guard === undefined;
  const onAbort = () => (hasLeft ? end() : giveUp());
  const stop = () => signal?.removeEventListener('abort', onAbort);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (guard === undefined) {
    leave();
    resolve();
    return { guard, left, isOver, stop };
  }
  const watched: SubmitGuard = {
    announce: () => guard.announce(),
    mayLeave() {
      const may = guard.mayLeave();
      if (may) {
        hasLeft = true;
        leave();
        resolve();
      }
      return may;
    },
  };
  return { guard: watched, left, isOver, stop };
}

const jobErrorCodes: ReadonlySet<string> = new Set<JobErrorCode>([
  'generate_failed',
  'content_blocked',
  'validation_failed',
  'upstream_failed',
  'upstream_unavailable',
  'insufficient_credits',
  'rate_limited',
  'unauthorized',
  'forbidden',
  'model_not_found',
  'deadline_exceeded',
  'submit_unknown',
]);

/** The code of an error as a job's; undefined when a job cannot end that way. */
export function toJobErrorCode({ code }: Pick<AppError, 'code'>): JobErrorCode | undefined {
  // as: the set holds exactly these codes.
  return jobErrorCodes.has(code) ? (code as JobErrorCode) : undefined;
}

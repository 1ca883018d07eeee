/**
 * What a responder sends to the caller's inbox: one letter, then JSON. `P` progress, `R` the result, `E` an error
 * envelope, `I` the call needs input of its client, `G` it gives the call back unanswered. A call ends with exactly one
 * `R`, `E`, `I` or `G`. `C` is a piece of a result that is larger than one message, before the rest of it comes as `R`.
 * `L` is a line for the client's log. `H` says which calls are alive: their numbers with commas between, one message for
 * all calls of one caller. `W` is the answer to the question who is there.
 */
export type FrameKind = 'H' | 'P' | 'L' | 'C' | 'R' | 'E' | 'I' | 'G' | 'W';

/** The largest result, whatever one message may hold: what a NATS server takes as it comes. */
export const maxResultBytes = 1_048_576;

/** Cancels the call whose inbox is `inbox.<caller>.<number>`, or asks for its answer when the data is `finish`. */
export function cancelSubject(inbox: string): string {
  return `cancel.v1.${inbox}`;
}

/** The data of a message on `cancelSubject` that asks for an answer with what there is. */
export const finishData = 'finish';

/** `inbox.<caller>` of `inbox.<caller>.<number>`. */
export function callerOf(inbox: string): string {
  return inbox.slice(0, inbox.lastIndexOf('.'));
}

/** Where a caller hears which of its calls are alive. */
export function aliveSubject(caller: string): string {
  return `${caller}.alive`;
}

/** Whoever serves `subject` answers a message on it with the name of its instance. */
export function whoSubject(subject: string): string {
  return `who.v1.${subject}`;
}

/** A call of `subject` that is meant for one instance of its service. */
export function directSubject(instance: string, subject: string): string {
  return `direct.v1.${instance}.${subject}`;
}

export interface BusTimings {
  /** How often a responder says that it is alive; of a new call it says so at the next sweep. */
  heartbeatMs: number;
  /** Silence after which a call that nobody has called alive yet is offered to another instance. */
  takenMs: number;
  /** Silence after which whoever had called it alive is taken for dead or frozen. */
  lostAfterMs: number;
  /** Silence after which a call fails although nobody else is there to take it. */
  patienceMs: number;
  /** How long a call that never left may wait for a connection, and for somebody who serves it after a connection was lost. */
  heldMs: number;
  /** How often both sides look for deadlines and silence. */
  sweepMs: number;
}

export const defaultTimings: BusTimings = {
  heartbeatMs: 500,
  takenMs: 1_000,
  lostAfterMs: 2_000,
  patienceMs: 5_000,
  heldMs: 2_500,
  sweepMs: 100,
};

/**
 * Milliseconds since 1970 as this process began to count them: deadlines and silence go by it, since the clock of a machine may be set
 * at any time.
 */
export function steadyNow(): number {
  return Math.round(performance.timeOrigin + performance.now());
}

/** Told of each failure that is not an `AppError`: the one place where it is logged. */
export type OnInternalError = (error: unknown, subject: string) => void;

/** How a call ends from outside, and the signal of it for those who cannot take less. */

/** What a call does when its caller changes its mind. */
export interface Interruptible {
  /** Ends it: nobody waits for the answer any more. */
  cancel(): void;
  /** Answers now with what there is. */
  finish(): void;
}

/**
 * How whoever asked for calls may interrupt them. Every call through a gateway has one, and hardly any uses it: two
 * `AbortSignal`s with their listeners would cost a tenth of a quick call.
 */
export class CallLife implements Interruptible {
  #calls: Interruptible[] = [];
  #isCancelled = false;
  #isFinishing = false;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get isFinishing(): boolean {
    return this.#isFinishing;
  }

  /** For tests that nothing is left behind. */
  get openCalls(): number {
    return this.#calls.length;
  }

  /** Until it is detached; a call that comes too late is told by the two properties above. */
  attach(call: Interruptible): void {
    this.#calls.push(call);
  }

  detach(call: Interruptible): void {
    const index = this.#calls.indexOf(call);
    if (index >= 0) this.#calls.splice(index, 1);
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    for (const call of [...this.#calls]) call.cancel();
  }

  finish(): void {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    for (const call of [...this.#calls]) call.finish();
  }
}

/**
 * Something that can happen once, whose `AbortSignal` is made when somebody asks for it. Every call has some of these
 * and hardly any is looked at, while a signal is dear to make and to collect.
 */
export class LateSignal {
  #controller: AbortController | undefined;
  #isRaised = false;
  #reason: unknown;

  get isRaised(): boolean {
    return this.#isRaised;
  }

  /** Aborted with the reason of the first `raise`, before or after it was asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isRaised) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  raise(reason?: unknown): void {
    if (this.#isRaised) return;
    this.#isRaised = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/**
 * What a responder sends to the caller's inbox: one letter, then JSON. `P` progress, `R` the result, `E` an error
 * envelope, `I` the call needs input of its client, `G` it gives the call back unanswered. A call ends with exactly one
 * `R`, `E`, `I` or `G`. `L` is a line for the client's log. `H` says which
 * calls are alive: their numbers with commas between, one message for all calls of one caller.
 */
export type FrameKind = 'H' | 'P' | 'L' | 'R' | 'E' | 'I' | 'G';

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

export interface BusTimings {
  /** How often a responder says that it is alive. */
  heartbeatMs: number;
  /** Silence after which a responder is taken for dead; less than 10 s with one re-issue. */
  lostAfterMs: number;
  /** How often both sides look for deadlines and silence. */
  sweepMs: number;
}

export const defaultTimings: BusTimings = { heartbeatMs: 1_500, lostAfterMs: 5_000, sweepMs: 250 };

/** Told of each failure that is not an `AppError`: the one place where it is logged. */
export type OnInternalError = (error: unknown, subject: string) => void;

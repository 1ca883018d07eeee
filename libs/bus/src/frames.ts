/**
 * What a responder sends to the caller's inbox: one letter, then JSON. `H` it is alive, `P` progress, `R` the
 * result, `E` an error envelope. A call ends with exactly one `R` or `E`.
 */
export type FrameKind = 'H' | 'P' | 'R' | 'E';

export function frameKind(data: string): FrameKind | undefined {
  const kind = data[0];
  return kind === 'H' || kind === 'P' || kind === 'R' || kind === 'E' ? kind : undefined;
}

export const headerNames = {
  deadline: 'inferry-deadline',
  principal: 'inferry-principal',
  callId: 'inferry-call',
  wait: 'inferry-wait',
} as const;

/** Cancels the call whose inbox is `inbox.<caller>.<number>`. */
export function cancelSubject(inbox: string): string {
  return `cancel.v1.${inbox}`;
}

export interface BusTimings {
  /** How often a responder says that it is alive. */
  heartbeatMs: number;
  /** Silence after which a responder is taken for dead; less than 10 s with one re-issue. */
  lostAfterMs: number;
  /** How often callers look for deadlines and silence. */
  sweepMs: number;
}

export const defaultTimings: BusTimings = { heartbeatMs: 1_500, lostAfterMs: 5_000, sweepMs: 250 };

import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Default 5 s. */
  timeoutMs?: number;
  /** Default 20 ms. */
  everyMs?: number;
  /** Named in the error: "the run to finish". */
  what?: string;
}

/** Waits until `fact` returns something truthy and returns that. A fact that throws is not true yet. */
export async function waitFor<T>(
  fact: () => T | Promise<T>,
  { timeoutMs = 5_000, everyMs = 20, what = 'the fact' }: WaitOptions = {},
): Promise<T> {
  const deadlineAt = Date.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await fact();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(everyMs);
  } while (Date.now() < deadlineAt);
  const reason = cause instanceof Error ? ` Last: ${cause.message}` : '';
  throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.${reason}`, { cause });
}

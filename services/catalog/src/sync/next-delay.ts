export interface DelayRule {
  intervalMs: number;
  /** 0 to 1. */
  random: number;
}

const firstRetryMs = 2_000;

/** When to sync next: after the interval, or after `failures` in a row sooner, doubling from two seconds. Jittered. */
export function nextDelayMs(failures: number, { intervalMs, random }: DelayRule): number {
  const jitter = 0.8 + 0.4 * random;
  if (failures === 0) return Math.round(intervalMs * jitter);
  const retryMs = firstRetryMs * 2 ** Math.min(failures - 1, 20);
  return Math.round(Math.min(intervalMs, retryMs) * jitter);
}

import { setTimeout as wait } from 'node:timers/promises';

/** Waits, or ends sooner when a signal fires; it never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

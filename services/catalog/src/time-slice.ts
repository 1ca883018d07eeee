import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that work in the background keeps the event loop from calls that wait. */
const sliceMs = 4;

/** Called between small steps of long work: lets other work run once a slice has been used up. */
export function createTimeSlice(): () => Promise<void> {
  let startedAt = performance.now();
  return async () => {
    if (performance.now() - startedAt < sliceMs) return;
    await nextTurn();
    startedAt = performance.now();
  };
}

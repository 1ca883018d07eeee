// Loaded before a service of a trial: its wall clock is off by what a file says when the process starts. Timers and the
// monotonic clock are as they are, as on a machine whose clock was set wrongly.
import { readFileSync } from 'node:fs';

const shiftMs = readShift(process.env.TRIAL_CLOCK_FILE);
if (shiftMs !== 0) {
  const Real = Date;
  const now = () => Real.now() + shiftMs;
  globalThis.Date = new Proxy(Real, {
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new Real(now()).toString(),
  });
}

function readShift(file: string | undefined): number {
  if (file === undefined) return 0;
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // No file: the clock is right.
    return 0;
  }
}

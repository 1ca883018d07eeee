// Asks the host for the run again and again until it is over: a wait of the call itself may end before it does.
import { isJson } from './bridge.js';
import { structureOf } from './run-state.js';

/**
 * @typedef {import('./bridge.js').Json} Json
 * @typedef {object} FollowOptions
 * @property {(args: Json) => Promise<Json>} getRun
 * @property {() => { runId?: string, clientRef?: string, isOver: boolean }} current
 * @property {(result: Json) => void} onResult
 * @property {(isAway: boolean) => void} onAway Whether the server could not be asked.
 * @property {() => void} onTired Nobody asks any more.
 * @property {() => number} [now]
 */

/** How long until the next question, by how long this has been going on. */
const steps = [
  { untilMs: 15_000, everyMs: 1_000 },
  { untilMs: 60_000, everyMs: 2_000 },
  { untilMs: 300_000, everyMs: 5_000 },
  { untilMs: 3_600_000, everyMs: 10_000 },
];
const longestPauseMs = 30_000;

/**
 * @param {FollowOptions} options
 * @returns {{ start: () => void, stop: () => void }}
 */
export function followRun({ getRun, current, onResult, onAway, onTired, now = Date.now }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isRunning = false;
  let beganAt = 0;
  let failures = 0;

  function schedule() {
    const step = steps.find(({ untilMs }) => now() - beganAt < untilMs);
    if (step === undefined) {
      isRunning = false;
      onTired();
      return;
    }
    timer = setTimeout(ask, Math.min(longestPauseMs, step.everyMs * 2 ** Math.min(failures, 5)));
  }

  async function ask() {
    const { runId, clientRef, isOver } = current();
    if (!isRunning || isOver) {
      isRunning = false;
      return;
    }
    const key = runId === undefined ? { client_ref: clientRef } : { run_id: runId };
    // A page that nobody sees asks when it is seen again.
    if (!document.hidden && (runId ?? clientRef) !== undefined) await askFor(key);
    if (isRunning) schedule();
  }

  /** @param {Json} key */
  async function askFor(key) {
    try {
      const result = await getRun(key);
      const { run, error } = structureOf(result);
      // A run that is not there yet will be: the call that makes it is under way.
      const isEarly = isJson(error) && error.code === 'run_not_found' && key.run_id === undefined;
      const isRefused = result.isError === true && !isJson(run) && isJson(error) && error.retryable === true;
      failures = isRefused ? failures + 1 : 0;
      if (isRunning && !isEarly && !isRefused) onResult(result);
    } catch {
      // The host or the server is away: the run is not, so the question is asked again.
      failures += 1;
    }
    onAway(failures > 1);
  }

  return {
    start() {
      if (isRunning) return;
      isRunning = true;
      beganAt = now();
      failures = 0;
      schedule();
    },
    stop() {
      isRunning = false;
      clearTimeout(timer);
    },
  };
}

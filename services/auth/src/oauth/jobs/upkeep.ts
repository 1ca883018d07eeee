import type { Database } from '@inferry/database';
import { sweepOAuth } from '@inferry/database/oauth';
import type { Limits } from '@inferry/limits';
import type { Logger } from 'pino';
import type { KeyRing } from '../signing/key-ring.ts';

export interface Upkeep {
  /** What is due, now. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export interface UpkeepDeps {
  database: Database;
  ring: KeyRing;
  limits: Limits;
  log: Pick<Logger, 'info' | 'warn'>;
  now(): number;
}

const everyMs = 30_000;
const sweepEveryMs = 300_000;
const batchSize = 1_000;
/** No sweep runs longer: the next one goes on where it ended. */
const maxBatches = 20;
/** Grants that ended are shown to their owners for a month. */
const grantMemoryMs = 30 * 86_400_000;
const lockKey = 'oauth:sweep';

/** Reads the signing keys again (an event may be lost), rotates them, and deletes what has ended. */
export function startUpkeep(deps: UpkeepDeps): Upkeep {
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function work(): Promise<void> {
    await deps.ring.rotate();
    // The lock is not given back: it says when somebody swept last.
    if ((await deps.limits.acquire(lockKey, sweepEveryMs)) !== undefined) await sweep();
  }

  async function sweep(): Promise<void> {
    const before = deps.now();
    let removed = 0;
    for (let batch = 0; batch < maxBatches && !isStopped; batch += 1) {
      const request = { before, grantsBefore: before - grantMemoryMs, limit: batchSize };
      const count = await sweepOAuth(deps.database.queries, request);
      removed += count;
      if (count < batchSize) break;
    }
    if (removed > 0) deps.log.info({ removed }, 'ended sign-ins, tokens and registrations removed');
  }

  function start(): Promise<void> {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  }

  const timer = setInterval(() => {
    start().catch((error: unknown) =>
      deps.log.warn({ err: error }, 'upkeep of the authorization server failed'),
    );
  }, everyMs);
  timer.unref();
  return {
    run: start,
    async stop() {
      isStopped = true;
      clearInterval(timer);
      // Its own failure was told by the timer.
      await running?.catch(() => undefined);
    },
  };
}

import type { Blobs } from '@inferry/blobs';
import { type Database, endOverdueAssets } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import type { Parts } from '@inferry/runtime';
import type { AssetTable } from './asset-table.ts';
import type { Policies } from './quota.ts';
import { removeOtherBlobs } from './store-asset.ts';

export interface SweeperDeps {
  assets: AssetTable;
  blobs: Blobs;
  limits: Limits;
  database: Database;
  policies: Pick<Policies, 'all'>;
  log: Pick<Parts['log'], 'info' | 'warn'>;
  /** By the database's clock: no replica's own decides what is deleted. */
  readNow: () => Promise<number>;
}

export interface SweeperOptions {
  everyMs: number;
  batchSize: number;
  /** How long after its URL ended a pending asset is kept: an upload that began in time may still run. */
  pendingGraceMs: number;
}

export interface Sweeper {
  /** One sweep now, unless another replica is at it; the number of assets removed. */
  sweep(): Promise<number>;
  stop(): Promise<void>;
}

/** No sweep runs longer: the next one goes on where it ended. */
const maxBatches = 20;
const lockKey = 'upload:sweep';

/**
 * Deletes expired assets and uploads that never came. The lock only spares work: marking comes first, then the
 * blobs, then the row, and each step may be repeated by anybody.
 */
export function startSweeper(deps: SweeperDeps, options: SweeperOptions): Sweeper {
  let isStopped = false;
  let running: Promise<number> | undefined;

  async function sweep(): Promise<number> {
    const token = await deps.limits.acquire(lockKey, options.everyMs);
    if (token === undefined) return 0;
    try {
      return await removeEnded();
    } finally {
      // One that cannot be given back ends by itself.
      await deps.limits.release(lockKey, token).catch(() => false);
    }
  }

  async function removeEnded(): Promise<number> {
    let removed = 0;
    const { batchSize: limit, pendingGraceMs } = options;
    const policies = await deps.policies.all();
    for (let batch = 0; batch < maxBatches && !isStopped; batch += 1) {
      const now = await deps.readNow();
      await endOverdueAssets(deps.database.queries, { policies, now, limit });
      const ended = await deps.assets.takeEnded({ now, pendingBefore: now - pendingGraceMs, limit });
      for (const { asset_id: assetId } of ended) {
        await removeOtherBlobs(deps.blobs, assetId);
        await deps.assets.remove(assetId);
        removed += 1;
      }
      if (ended.length < options.batchSize) break;
    }
    if (removed > 0) deps.log.info({ removed }, 'assets removed');
    return removed;
  }

  const timer = setInterval(() => {
    running ??= sweep()
      .catch((error: unknown) => {
        deps.log.warn({ err: error }, 'removing expired assets failed');
        return 0;
      })
      .finally(() => {
        running = undefined;
      });
  }, options.everyMs);
  timer.unref();

  return {
    sweep,
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Blobs } from '@inferry/blobs';
import { AppError, callOf, createUpload, hint } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import type { Limits } from '@inferry/limits';
import { partLength } from '../sizes.ts';
import { blobPrefix, newWholeKey, partKey } from './asset-keys.ts';
import type { AssetTable } from './asset-table.ts';
import { detectType } from './content-type.ts';
import { discard, lateFor, readStored, refuseMismatch, removeOtherBlobs } from './store-asset.ts';

interface JoinDeps {
  assets: AssetTable;
  blobs: Blobs;
  limits: Limits;
}

/** The lock outlives the longest join, so that two never run; a joiner that died blocks for so long. */
const joinTimeoutMs = 9 * 60_000;
const lockMs = 10 * 60_000;
const pollMs = 250;

/**
 * Makes one file of the parts once all are there, and returns the stored asset; undefined while some are missing.
 * Two last parts may arrive at once on two replicas: one joins, the other waits for it. The parts are deleted only
 * after the join is recorded, so a crash costs a repetition of the last part and nothing else.
 */
export async function joinParts(
  deps: JoinDeps,
  asset: AssetRow,
  signal: AbortSignal,
): Promise<AssetRow | undefined> {
  const lockKey = `upload:join:${asset.asset_id}`;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(joinTimeoutMs)]);
  for (;;) {
    const current = await deps.assets.find(asset.asset_id);
    if (current?.state === 'stored') return current;
    if (current?.state !== 'pending') {
      throw new AppError('asset_not_found', 'The file was deleted.', {
        nextAction: hint`Upload it again with ${callOf(createUpload)}.`,
      });
    }
    if (!(await hasAllParts(deps.blobs, asset))) return undefined;
    const token = await deps.limits.acquire(lockKey, lockMs);
    if (token !== undefined) {
      try {
        return await join(deps, asset, deadline);
      } finally {
        // One that cannot be given back ends by itself.
        await deps.limits.release(lockKey, token).catch(() => false);
      }
    }
    await pause(deadline);
  }
}

async function join(deps: JoinDeps, asset: AssetRow, signal: AbortSignal): Promise<AssetRow | undefined> {
  const { assets, blobs } = deps;
  // Whoever held the lock before may have ended with it.
  const current = await assets.find(asset.asset_id);
  if (current?.state === 'stored') return current;
  if (!(await hasAllParts(blobs, asset))) return undefined;
  const parts = Array.from({ length: asset.part_count }, (_, index) => partKey(asset.asset_id, index + 1));
  const blobKey = newWholeKey(asset.asset_id);
  const head = await buffer(await blobs.get(partKey(asset.asset_id, 1), { start: 0, end: 65_535 }));
  const { sizeBytes, sha256 } = await blobs.concat(blobKey, parts, {
    signal,
    maxBytes: asset.declared_bytes ?? 0,
  });
  try {
    refuseMismatch(asset, { sizeBytes, sha256 });
    const contentType = await detectType(head, {
      declared: asset.declared_type,
      fileName: asset.file_name,
    });
    const facts = { blobKey, sizeBytes, sha256, contentType };
    if (!(await assets.markStored(asset.asset_id, { ...facts, fileName: asset.file_name }))) {
      throw await lateFor(assets, asset);
    }
  } catch (error) {
    await discard(blobs, blobKey);
    // The parts do not make the promised file: they have to be sent again.
    if (error instanceof AppError && error.code === 'upload_mismatch') {
      for (const part of parts) await discard(blobs, part);
    }
    throw error;
  }
  await removeOtherBlobs(blobs, asset.asset_id, blobKey);
  return readStored(assets, asset);
}

async function hasAllParts(blobs: Blobs, asset: AssetRow): Promise<boolean> {
  const found = new Map<string, number>();
  for await (const { key, sizeBytes } of blobs.list(`${blobPrefix(asset.asset_id)}part-`)) {
    found.set(key, sizeBytes);
  }
  for (let number = 1; number <= asset.part_count; number += 1) {
    const length = partLength(asset.declared_bytes ?? 0, number);
    if (found.get(partKey(asset.asset_id, number)) !== length) return false;
  }
  return true;
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(pollMs, undefined, { signal });
  } catch {
    throw new AppError('busy', 'The parts are still being joined.', {
      retryAfterSeconds: 5,
      nextAction: 'Send the last part again in a few seconds.',
    });
  }
}

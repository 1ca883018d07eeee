import { Readable } from 'node:stream';
import type { Blobs } from '@inferry/blobs';
import { AppError, callOf, createUpload, hint } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { metrics } from '@opentelemetry/api';
import { blobPrefix, newWholeKey } from './asset-keys.ts';
import type { AssetTable } from './asset-table.ts';
import { Head, observed } from './body.ts';
import { agreeingName, detectType } from './content-type.ts';
import { full, isExempt, type Quota } from './quota.ts';

export interface StoreOptions {
  maxBytes: number;
  minBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  /** What the sender said the type is, where the asset does not say it. */
  declaredType?: string | null | undefined;
}

interface StoreDeps {
  assets: AssetTable;
  blobs: Blobs;
  quota: Quota;
}

/**
 * Stores the whole file of a pending asset. Of several at the same time the first to end wins; the others, and
 * whatever does not fit what was declared, leave nothing.
 */
export async function storeAsset(
  { assets, blobs, quota }: StoreDeps,
  asset: AssetRow,
  { body, options }: { body: AsyncIterable<Buffer>; options: StoreOptions },
): Promise<AssetRow> {
  const blobKey = newWholeKey(asset.asset_id);
  const head = new Head();
  const source = Readable.from(
    observed(body, (chunk) => head.add(chunk)),
    { objectMode: false },
  );
  const mayExceed = isExempt(asset);
  const left = mayExceed
    ? Number.POSITIVE_INFINITY
    : await quota.leftFor(asset.subject, asset.declared_bytes ?? 0);
  const { sizeBytes, sha256 } = await blobs
    .put(blobKey, source, { maxBytes: Math.min(options.maxBytes, left), signal: options.signal })
    .catch((error: unknown) => {
      throw left < options.maxBytes && isTooLarge(error) ? full('so many bytes') : error;
    });
  try {
    if (sizeBytes < (options.minBytes ?? 0)) throw mismatch('No bytes came: is the path a folder?');
    refuseMismatch(asset, { sizeBytes, sha256 });
    const declared = asset.declared_type ?? options.declaredType ?? null;
    const contentType = await detectType(head.bytes(), { declared, fileName: asset.file_name });
    // What our own services name, they name before they have seen it.
    const isOurs = asset.ref?.startsWith('ref:') === true;
    const fileName = isOurs ? agreeingName(asset.file_name, contentType) : asset.file_name;
    const facts = { blobKey, sizeBytes, sha256, contentType, fileName };
    const mark = () => assets.markStored(asset.asset_id, facts);
    const more = { bytes: sizeBytes - (asset.declared_bytes ?? 0), files: 0 };
    const isMarked = mayExceed ? await mark() : await quota.reserve(asset.subject, more, mark);
    if (!isMarked) throw await lateFor(assets, asset);
  } catch (error) {
    await discard(blobs, blobKey);
    throw error;
  }
  countStored(sizeBytes, isExempt(asset));
  await removeOtherBlobs(blobs, asset.asset_id, blobKey);
  return readStored(assets, asset);
}

function countStored(bytes: number, isOutput: boolean): void {
  const meter = metrics.getMeter('@inferry/upload');
  const labels = { source: isOutput ? 'run' : 'caller' };
  meter.createCounter('inferry.files.stored', { description: 'Files stored' }).add(1, labels);
  meter.createCounter('inferry.files.size', { unit: 'By', description: 'Bytes stored' }).add(bytes, labels);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof AppError && error.code === 'upload_too_large';
}

export async function readStored(assets: AssetTable, asset: AssetRow): Promise<AssetRow> {
  const stored = await assets.find(asset.asset_id);
  if (stored?.state === 'stored') return stored;
  throw new AppError('asset_not_found', 'The file was deleted.', {
    nextAction: hint`Upload it again with ${callOf(createUpload)}.`,
  });
}

/** Throws `upload_mismatch` when the bytes are not the ones that were promised. */
export function refuseMismatch(asset: AssetRow, facts: { sizeBytes: number; sha256: string }): void {
  const { declared_bytes: bytes, declared_sha256: sha256 } = asset;
  if (bytes !== null && bytes !== facts.sizeBytes) {
    throw mismatch(`The file has ${facts.sizeBytes} bytes; ${bytes} were declared.`);
  }
  if (sha256 !== null && sha256 !== facts.sha256) {
    throw mismatch('The SHA-256 of the file is not the one that was declared.');
  }
}

export function mismatch(message: string): AppError {
  return new AppError('upload_mismatch', message, {
    nextAction: `Send the declared file to the same URL${hint`, or call ${callOf(createUpload)} again`}. Nothing was stored.`,
  });
}

/** Why an asset is no longer pending: somebody else stored it, or it was given up meanwhile. */
export async function lateFor(assets: AssetTable, asset: AssetRow): Promise<AppError> {
  const current = await assets.find(asset.asset_id);
  return current?.state === 'stored' ? alreadyUsed(asset) : urlEnded();
}

export function urlEnded(): AppError {
  return new AppError('upload_expired', 'This upload URL has ended.', {
    nextAction: hint`Call ${callOf(createUpload)} again for a new URL.`,
  });
}

export function alreadyUsed(asset: Pick<AssetRow, 'asset_id'>): AppError {
  return new AppError('upload_expired', 'This one-time URL was used already.', {
    nextAction: `The file is stored: use ${asset.asset_id}${hint`, or call ${callOf(createUpload)} for another file`}.`,
    details: { asset_id: asset.asset_id },
  });
}

/** Parts that were joined, and what attempts left that died before they could clean up. */
export async function removeOtherBlobs(blobs: Blobs, assetId: string, keep?: string): Promise<void> {
  for await (const { key } of blobs.list(blobPrefix(assetId))) {
    if (key !== keep) await blobs.delete(key);
  }
}

export async function discard(blobs: Blobs, key: string): Promise<void> {
  try {
    await blobs.delete(key);
  } catch {
    // The storage fails as well: the asset's end removes whatever is left under its prefix.
  }
}

import { createHash, randomBytes } from 'node:crypto';

export function newAssetId(): string {
  return `asset_${randomBytes(16).toString('base64url')}`;
}

export function isAssetId(value: string): boolean {
  return /^asset_[A-Za-z0-9_-]{22}$/.test(value);
}

/** Where an asset's blobs are; blob keys are lower case, asset ids are not. */
export function blobPrefix(assetId: string): string {
  return `assets/${createHash('sha256').update(assetId).digest('hex').slice(0, 32)}/`;
}

/** New for each attempt, so that attempts at the same time do not write over each other. */
export function newWholeKey(assetId: string): string {
  return `${blobPrefix(assetId)}whole-${randomBytes(8).toString('hex')}`;
}

/** The same for each attempt: the last one counts. */
export function partKey(assetId: string, number: number): string {
  return `${blobPrefix(assetId)}part-${String(number).padStart(5, '0')}`;
}

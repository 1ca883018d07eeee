import { AppError, callOf, createUpload, hint } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { isAssetId } from './asset-keys.ts';
import type { AssetTable } from './asset-table.ts';

/** A stored file of the caller. Unknown, ended and other people's ids are answered alike. */
export async function findStored(
  { assets, now }: { assets: AssetTable; now: () => number },
  subject: string,
  assetId: string,
): Promise<AssetRow> {
  const asset = isAssetId(assetId) ? await assets.findOwn(subject, assetId) : undefined;
  const isEnded = asset?.expires_at !== undefined && asset.expires_at !== null && asset.expires_at <= now();
  if (asset === undefined || asset.state === 'deleted' || isEnded) {
    throw new AppError('asset_not_found', 'There is no such asset of yours; it may have expired.', {
      nextAction: hint`Upload the file again with ${callOf(createUpload)}.`,
    });
  }
  if (asset.state === 'pending') {
    throw new AppError('asset_not_ready', 'The file of this asset has not arrived yet.', {
      retryAfterSeconds: 5,
      nextAction: 'Send the file to its upload URL first, then try again.',
      details: { asset_id: asset.asset_id },
    });
  }
  return asset;
}

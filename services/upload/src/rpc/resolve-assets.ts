import type { Handler } from '@inferry/bus';
import type { resolveAssets, StoredAsset } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import type { AssetLinks } from '../assets/asset-links.ts';
import { findStored } from '../assets/own-assets.ts';
import type { UploadDeps } from '../deps.ts';

/** Turns asset ids and our own file URLs into files; leaves other URLs to whoever asks. */
export function handleResolveAssets(deps: UploadDeps): Handler<typeof resolveAssets> {
  return async ({ refs }, { principal }) => {
    const assets: (StoredAsset | null)[] = [];
    for (const ref of refs) {
      const assetId = isUrl(ref) ? deps.links.assetIdOf(ref) : ref;
      const asset = assetId === undefined ? null : await findStored(deps, principal.subject, assetId);
      assets.push(asset === null ? null : toStoredAsset(deps.links, asset));
    }
    return { assets };
  };
}

function isUrl(ref: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(ref);
}

export function toStoredAsset(links: AssetLinks, asset: AssetRow): StoredAsset {
  const lasting = links.lastingUrl(asset);
  return {
    asset_id: asset.asset_id,
    file_name: asset.file_name,
    content_type: asset.content_type ?? 'application/octet-stream',
    bytes: asset.size_bytes ?? 0,
    sha256: asset.sha256 ?? '',
    url: links.fileUrl(asset, 'public'),
    ...(lasting === undefined ? {} : { lasting_url: lasting }),
    internal_url: links.fileUrl(asset, 'internal'),
    ...(asset.expires_at === null ? {} : { expires_at: new Date(asset.expires_at).toISOString() }),
  };
}

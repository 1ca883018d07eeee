import type { Secret } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { createMac, isSameText } from '@inferry/seals';
import { isAssetId } from './asset-keys.ts';
import { toPathSegment } from './content-type.ts';

/** Base URLs have no slash at the end. A function where the port is known only once the app listens. */
export interface LinkOptions {
  publicUrl: string | (() => string);
  internalUrl: string | (() => string);
  filesSecret: Secret;
  /** Ends each link to a file after so long; links else live as long as their file. */
  fileUrlSeconds?: number | undefined;
  now: () => number;
}

export type LinkBase = 'public' | 'internal';

export type LinkedAsset = Pick<AssetRow, 'asset_id' | 'file_name' | 'link_serial'>;

/** What the one-time URL's signature binds: everything that decides what may be put there. */
export type UploadClaim = Pick<
  AssetRow,
  'asset_id' | 'declared_bytes' | 'declared_type' | 'part_count' | 'upload_until'
>;

/**
 * URLs that are capabilities: whoever has one may do what it says, so each carries an HMAC-SHA256 of it. One token
 * opens all parts of one upload.
 */
export interface AssetLinks {
  /** `{part}`: the URL of all parts, with that in place of the number. */
  uploadUrl(claim: UploadClaim, base: LinkBase, part?: number | '{part}'): string;
  /** Whether `signature` was made for this asset and this expiry (epoch seconds). */
  isUploadUrl(claim: UploadClaim, expires: number, signature: string): boolean;
  fileUrl(asset: LinkedAsset, base: LinkBase): string;
  /** A public URL that leads to a freshly signed one each time, until the asset's links are ended. */
  permanentUrl(asset: LinkedAsset): string;
  /** A link to keep with a run: the permanent one where the others end; undefined where they live as long as their file. */
  lastingUrl(asset: LinkedAsset): string | undefined;
  /** What a URL's token opens: the file, a fresh URL of it, or nothing where it has ended or is not ours. */
  opens(asset: LinkedAsset, token: string): 'file' | 'fresh' | undefined;
  /** Where a permanent link leads now. */
  freshUrl(asset: LinkedAsset): string;
  /** The asset id of one of our own file URLs; undefined for any other URL. */
  assetIdOf(url: string): string | undefined;
}

/** No signature of the other kind of link begins so. */
const permanentMark = '~';
/** How long what a permanent link leads to is good, where links live as long as their file. */
const freshSeconds = 3_600;

export function createAssetLinks(options: LinkOptions): AssetLinks {
  const { now, fileUrlSeconds } = options;
  const baseOf = (base: LinkBase) => read(base === 'public' ? options.publicUrl : options.internalUrl);
  const mac = createMac(options.filesSecret);
  const sign = (...fields: readonly (string | number | null)[]) => mac(JSON.stringify(fields));

  function signUpload(claim: UploadClaim, expires: number): Buffer {
    const { asset_id: id, declared_bytes: bytes, declared_type: type, part_count: parts } = claim;
    return sign('PUT', id, parts, bytes, type, expires);
  }

  /** 132 bits: the file's name is not part of it, so that a client may save it under another. */
  function fileToken({ asset_id: assetId, link_serial: serial }: LinkedAsset, expires: string): string {
    // Links of before the first revocation are those that were always given out.
    const fields = serial === 0 ? ['GET', assetId, expires] : ['GET', assetId, expires, serial];
    const mac = sign(...fields)
      .toString('base64url')
      .slice(0, 22);
    return expires === '' ? mac : `${mac}.${expires}`;
  }

  function permanentToken({ asset_id: assetId, link_serial: serial }: LinkedAsset): string {
    return permanentMark + sign('LINK', assetId, serial).toString('base64url').slice(0, 22);
  }

  function signedUrl(asset: LinkedAsset, base: LinkBase, seconds: number | undefined): string {
    const expires = seconds === undefined ? '' : Math.floor(now() / 1000 + seconds).toString(36);
    return urlOf(asset, base, fileToken(asset, expires));
  }

  function urlOf(
    { asset_id: assetId, file_name: fileName }: LinkedAsset,
    base: LinkBase,
    token: string,
  ): string {
    return `${baseOf(base)}/files/${assetId}/${token}/${toPathSegment(fileName)}`;
  }

  return {
    uploadUrl(claim, base, part) {
      const expires = Math.floor(claim.upload_until / 1000);
      const signature = signUpload(claim, expires).toString('base64url');
      const path = part === undefined ? claim.asset_id : `${claim.asset_id}/${part}`;
      return `${baseOf(base)}/files/u/${path}?e=${expires}&s=${signature}`;
    },
    isUploadUrl(claim, expires, signature) {
      return isSameText(signature, signUpload(claim, expires).toString('base64url'));
    },
    fileUrl: (asset, base) => signedUrl(asset, base, fileUrlSeconds),
    permanentUrl: (asset) => urlOf(asset, 'public', permanentToken(asset)),
    lastingUrl: (asset) =>
      fileUrlSeconds === undefined ? undefined : urlOf(asset, 'public', permanentToken(asset)),
    freshUrl: (asset) => signedUrl(asset, 'public', fileUrlSeconds ?? freshSeconds),
    opens(asset, token) {
      if (token.startsWith(permanentMark)) {
        return isSameText(token, permanentToken(asset)) ? 'fresh' : undefined;
      }
      const expires = token.split('.')[1] ?? '';
      if (!isSameText(token, fileToken(asset, expires))) return undefined;
      return expires === '' || now() < Number.parseInt(expires, 36) * 1000 ? 'file' : undefined;
    },
    assetIdOf(url) {
      const base = [baseOf('public'), baseOf('internal')].find((each) => url.startsWith(`${each}/files/`));
      if (base === undefined) return undefined;
      const assetId = url.slice(`${base}/files/`.length).split('/')[0] ?? '';
      return isAssetId(assetId) ? assetId : undefined;
    },
  };
}

function read(url: string | (() => string)): string {
  return (typeof url === 'string' ? url : url()).replace(/\/+$/, '');
}

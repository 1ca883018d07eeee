import type { Handler, HandlerContext } from '@inferry/bus';
import { AppError, type makeSheet } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { findStored } from '../assets/own-assets.ts';
import { storeAsset } from '../assets/store-asset.ts';
import type { UploadDeps } from '../deps.ts';
import { blobSource } from '../view/byte-source.ts';
import type { SheetCell } from '../view/view-protocol.ts';
import { handleOpenAsset } from './open-asset.ts';
import { toStoredAsset } from './resolve-assets.ts';

const maxPictureBytes = 64 * 1_048_576;
const maxSheetBytes = 8 * 1_048_576;

/** What a cell is large, by how many there are: the whole stays a picture that one can look at. */
function cellPxOf(count: number): number {
  if (count <= 9) return 320;
  return count <= 36 ? 220 : 140;
}

/** One picture of many of the caller's, each decoded as any other that is looked at. */
export function handleMakeSheet(deps: UploadDeps): Handler<typeof makeSheet> {
  return async ({ ref, file_name: fileName, cells }, context) => {
    const { subject } = context.principal;
    const file = { file_name: fileName, content_type: 'image/jpeg', ref };
    const { asset_id: assetId, put_url: putUrl } = await handleOpenAsset(deps)(file, context);
    if (putUrl === undefined) {
      return { asset: toStoredAsset(deps.links, await findStored(deps, subject, assetId)) };
    }
    const maxPx = cellPxOf(cells.length);
    const shown: SheetCell[] = [];
    for (const { number, asset_id: id } of cells)
      shown.push({ number, data: await smallPicture(deps, { id, maxPx }, context) });
    const open = await deps.assets.find(assetId);
    if (open === undefined || shown.every(({ data }) => data === undefined)) return {};
    const { image } = await deps.pictures.run(subject, context.signal, (signal) =>
      deps.viewer.compose(shown, maxPx, signal),
    );
    return { asset: toStoredAsset(deps.links, await store(deps, open, Buffer.from(image.data, 'base64'))) };
  };
}

/** As base64; undefined for what is no picture, cannot be shown or is not there any more. */
async function smallPicture(
  deps: UploadDeps,
  { id, maxPx }: { id: string; maxPx: number },
  { principal: { subject }, signal }: HandlerContext,
): Promise<string | undefined> {
  try {
    const asset = await findStored(deps, subject, id);
    const { content_type: contentType, size_bytes: bytes, blob_key: key } = asset;
    const isPicture = contentType?.startsWith('image/') === true && (bytes ?? 0) <= maxPictureBytes;
    if (!isPicture || key === null || bytes === null) return undefined;
    const source = blobSource(deps.blobs, key, bytes);
    const look = { contentType, maxPx, atSeconds: 0, ffmpegPath: undefined };
    const seen = await deps.pictures.run(subject, signal, (untilThen) =>
      deps.viewer.view(source, look, untilThen),
    );
    return seen.image.data;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'not_viewable' || error.code.startsWith('asset_')))
      return undefined;
    throw error;
  }
}

/** Of two calls at the same time, one stores it, and both have it. */
async function store(deps: UploadDeps, asset: AssetRow, bytes: Buffer): Promise<AssetRow> {
  async function* body(): AsyncGenerator<Buffer> {
    yield bytes;
  }
  try {
    return await storeAsset(deps, asset, { body: body(), options: { maxBytes: maxSheetBytes } });
  } catch (error) {
    const current = await deps.assets.find(asset.asset_id);
    if (current?.state === 'stored') return current;
    throw error;
  }
}

import type { Handler } from '@inferry/bus';
import { AppError, callOf, createUpload, hint, runModel, validationFailed } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { essence, toFileName } from '../assets/content-type.ts';
import { type LocalPath, partsCommand, readLocalPath, uploadCommand } from '../assets/upload-command.ts';
import type { UploadDeps } from '../deps.ts';
import { maxUploadBytes, planParts } from '../sizes.ts';

/** No URL lives longer. */
const maxUrlSeconds = 86_400;
/** A large file gets the time that it takes at this rate, besides the default. */
const slowBytesPerSecond = 1024 * 1024;

/** Promises an asset and returns the URLs that take its bytes. */
export function handleCreateUpload(deps: UploadDeps): Handler<typeof createUpload> {
  return async (input, { principal, callId, mount = '' }) => {
    const { size, expires_in: expiresIn } = input;
    if (size !== undefined && size > maxUploadBytes) {
      throw new AppError('upload_too_large', 'The file exceeds the 5 GiB upload cap.', {
        nextAction: hint`Pass a smaller file, or a link to it in ${callOf(runModel)} where the model takes one.`,
        details: { field: 'size', max_bytes: maxUploadBytes },
      });
    }
    const path = parsePath(input.file_name);
    const contentType = parseContentType(input.content_type);
    const sha256 = input.sha256?.toLowerCase();
    const known = await findSame(deps, principal.subject, { sha256, size, expiresIn });
    if (known !== undefined) {
      return { asset_id: known.asset_id, file_url: deps.links.fileUrl(known, 'public'), deduplicated: true };
    }
    const expiresAt = await deps.policies.endOf(
      { subject: principal.subject, mount },
      { at: deps.now(), expiresIn },
    );
    const open = () =>
      deps.assets.open({
        subject: principal.subject,
        ref: callId === '' ? null : `call:${callId}`,
        fileName: toFileName(path.plain),
        declaredType: contentType ?? null,
        declaredBytes: size ?? null,
        declaredSha256: sha256 ?? null,
        partCount: size === undefined ? 1 : planParts(size).partCount,
        ...endsOf(deps, size ?? 0, expiresAt),
        mount,
      });
    const asset = await deps.quota.reserve(principal.subject, { bytes: size ?? 0, files: 1 }, open);
    return describeUpload(deps, asset, { path, contentType });
  };
}

function parsePath(given: string): LocalPath {
  const path = readLocalPath(given);
  if ('word' in path) return path;
  throw validationFailed(callOf(createUpload), [{ path: 'file_name', ...path }]);
}

function parseContentType(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const parsed = essence(given);
  if (parsed !== undefined) return parsed;
  throw validationFailed(callOf(createUpload), [
    { path: 'content_type', message: 'is not a MIME type', hint: 'for example image/png' },
  ]);
}

/** A file that ends is never shared: each has its own time. */
async function findSame(
  { assets }: UploadDeps,
  subject: string,
  wanted: { sha256: string | undefined; size: number | undefined; expiresIn: number | undefined },
): Promise<AssetRow | undefined> {
  if (wanted.sha256 === undefined || wanted.expiresIn !== undefined) return undefined;
  const found = await assets.findContent(subject, wanted.sha256);
  return wanted.size === undefined || found?.size_bytes === wanted.size ? found : undefined;
}

/** A URL never outlives its file. */
function endsOf(
  { now, uploadUrlSeconds }: UploadDeps,
  sizeBytes: number,
  expiresAt: number | null,
): { uploadUntil: number; expiresAt: number | null } {
  const urlSeconds = Math.min(maxUrlSeconds, uploadUrlSeconds + Math.ceil(sizeBytes / slowBytesPerSecond));
  const urlEnd = now() + urlSeconds * 1000;
  const uploadUntil = expiresAt === null ? urlEnd : Math.min(urlEnd, expiresAt);
  // The signed expiry has whole seconds.
  return { uploadUntil: Math.floor(uploadUntil / 1000) * 1000, expiresAt };
}

function describeUpload(
  { links }: UploadDeps,
  asset: AssetRow,
  { path, contentType }: { path: LocalPath; contentType: string | undefined },
) {
  const shared = {
    asset_id: asset.asset_id,
    file_url: links.fileUrl(asset, 'public'),
    method: 'PUT',
    expires_at: new Date(asset.upload_until).toISOString(),
  };
  if (asset.part_count === 1) {
    const url = links.uploadUrl(asset, 'public');
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    return { ...shared, upload_url: url, headers, curl: uploadCommand({ path, contentType, url }) };
  }
  const { partBytes, partCount } = planParts(asset.declared_bytes ?? 0);
  // The URLs of the parts differ in their number alone: a list of them would fill the conversation.
  const partUrl = links.uploadUrl(asset, 'public', '{part}');
  const curl = partsCommand({ path, partBytes, partCount, partUrl });
  return { ...shared, part_url: partUrl, part_bytes: partBytes, part_count: partCount, curl };
}

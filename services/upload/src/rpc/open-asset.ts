import type { Handler } from '@inferry/bus';
import { AppError, type openAsset } from '@inferry/contracts';
import { essence, toFileName } from '../assets/content-type.ts';
import { isExempt } from '../assets/quota.ts';
import type { UploadDeps } from '../deps.ts';

/** A service that lost its way may come back to a URL much later than a client. */
const urlMs = 86_400_000;

/** Promises an asset to another service; the same `ref` gets the same one, with a new URL until it is stored. */
export function handleOpenAsset(deps: UploadDeps): Handler<typeof openAsset> {
  const { assets, links, now, quota } = deps;
  return async (input, { principal, run }) => {
    if (run !== undefined && !input.ref.startsWith(`${run.id}/`)) {
      throw new AppError('unauthorized', 'The file is not an output of the run that it is stored for.');
    }
    const { file_name: fileName, content_type: contentType, ref, expires_in: expiresIn, about } = input;
    const at = now();
    const whose = { subject: principal.subject, mount: about?.mount ?? '' };
    const expiresAt = await deps.policies.endOf(whose, { at, expiresIn });
    const uploadUntil = Math.floor(Math.min(at + urlMs, expiresAt ?? Number.POSITIVE_INFINITY) / 1000) * 1000;
    const open = () =>
      assets.open({
        subject: principal.subject,
        ref: `ref:${ref}`,
        fileName: toFileName(fileName),
        declaredType: essence(contentType) ?? null,
        declaredBytes: null,
        declaredSha256: null,
        partCount: 1,
        uploadUntil,
        expiresAt,
        about,
      });
    const mayExceed = isExempt({ ref: `ref:${ref}` });
    const asset = mayExceed
      ? await open()
      : await quota.reserve(principal.subject, { bytes: 0, files: 1 }, open);
    if (asset.state !== 'pending') return { asset_id: asset.asset_id };
    await assets.extend(asset.asset_id, uploadUntil);
    return {
      asset_id: asset.asset_id,
      put_url: links.uploadUrl({ ...asset, upload_until: uploadUntil }, 'internal'),
    };
  };
}

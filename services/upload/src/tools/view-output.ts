import type { Handler, HandlerContext } from '@inferry/bus';
import { AppError, callOf, getRun, hint, validationFailed, viewOutput } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { detectType } from '../assets/content-type.ts';
import { findStored } from '../assets/own-assets.ts';
import type { UploadDeps } from '../deps.ts';
import { fetchFile } from '../fetch/fetch-file.ts';
import { type ByteSource, blobSource, bufferSource } from '../view/byte-source.ts';
import { notViewable } from '../view/not-viewable.ts';
import type { Picture } from '../view/view-protocol.ts';

const defaultPx = 512;
const maxPictureBytes = 64 * 1024 * 1024;
const pictureTypes = new Set(
  ['png', 'apng', 'jpeg', 'webp', 'gif', 'avif', 'tiff'].map((name) => `image/${name}`),
);
const videoTypes = new Set(
  ['mp4', 'quicktime', 'x-m4v', '3gpp', '3gpp2', 'webm', 'matroska', 'x-matroska'].map(
    (name) => `video/${name}`,
  ),
);

/** What is looked at: a file of ours, or one that its provider still holds. */
interface Subject {
  assetId: string | undefined;
  url: string;
  contentType: string;
  source: ByteSource;
}

/** Shows one picture, or one frame of a video, small enough for a conversation. */
export function handleViewOutput(deps: UploadDeps): Handler<typeof viewOutput> {
  return async (input, context) => {
    const { run_id: runId, asset_id: assetId, max_px: maxPx = defaultPx, at_seconds: atSeconds = 0 } = input;
    if ((runId === undefined) === (assetId === undefined)) {
      throw validationFailed(callOf(viewOutput), [
        { path: 'run_id', message: 'pass exactly one of run_id and asset_id' },
      ]);
    }
    const subject =
      assetId === undefined
        ? await findOutput(deps, context, { runId: runId ?? '', index: input.index ?? 0 })
        : ofAsset(deps, await findStored(deps, context.principal.subject, assetId));
    refuseUnviewable(subject);
    const { source, contentType } = subject;
    const look = { contentType, maxPx, atSeconds, ffmpegPath: deps.ffmpegPath };
    const { principal, signal } = context;
    const seen = await deps.pictures.run(principal.subject, signal, (untilThen) =>
      deps.viewer.view(source, look, untilThen),
    );
    return {
      ...(subject.assetId === undefined ? {} : { asset_id: subject.assetId }),
      url: subject.url,
      width: seen.width,
      height: seen.height,
      ...durationOf(seen),
      image: seen.image,
    };
  };
}

function durationOf({ durationSeconds }: Picture): { duration_seconds?: number } {
  return durationSeconds === undefined ? {} : { duration_seconds: Math.round(durationSeconds * 1000) / 1000 };
}

function refuseUnviewable({ contentType, source }: Subject): void {
  if (videoTypes.has(contentType)) return;
  if (pictureTypes.has(contentType)) {
    if (source.sizeBytes <= maxPictureBytes) return;
    throw notViewable('The picture is too large to be shown.');
  }
  if (contentType.startsWith('audio/')) throw notViewable('Audio cannot be looked at.');
  if (contentType.startsWith('video/'))
    throw notViewable('Only video in MP4, MOV, WebM and Matroska can be shown.');
  if (contentType.startsWith('text/') || contentType.endsWith('json')) {
    throw notViewable(
      'Text cannot be looked at.',
      `${hint`Read it with ${callOf(getRun)}, or `}open the link of the file.`,
    );
  }
  throw notViewable(`A file of type ${contentType} cannot be looked at.`);
}

function ofAsset({ blobs, links }: UploadDeps, asset: AssetRow): Subject {
  return {
    assetId: asset.asset_id,
    url: links.fileUrl(asset, 'public'),
    contentType: asset.content_type ?? 'application/octet-stream',
    source: blobSource(blobs, asset.blob_key ?? '', asset.size_bytes ?? 0),
  };
}

async function findOutput(
  deps: UploadDeps,
  { principal, signal }: HandlerContext,
  { runId, index }: { runId: string; index: number },
): Promise<Subject> {
  const outputs = await deps.readOutputs(runId, { principal, signal });
  const output = outputs.find((each, position) => (each.index ?? position) === index);
  if (output === undefined) {
    throw new AppError(
      'asset_not_found',
      `The run has ${outputs.length} output(s) and none at index ${index}.`,
      {
        nextAction: hint`Call ${callOf(getRun)} to see the run and its outputs.`,
      },
    );
  }
  const assetId = output.asset_id ?? deps.links.assetIdOf(output.url ?? '');
  if (assetId !== undefined) return ofAsset(deps, await findStored(deps, principal.subject, assetId));
  if (output.url === undefined) {
    throw notViewable('This output is text.', hint`Read it with ${callOf(getRun)}.`);
  }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  return deps.copies.run(principal.subject, deadline, () => fetchOutput(deps, output.url ?? '', deadline));
}

/** An output that was not stored here: read from its provider, as any public URL, for this one look. */
async function fetchOutput(deps: UploadDeps, url: string, signal: AbortSignal): Promise<Subject> {
  const options = { ...deps.addressPolicy, maxBytes: maxPictureBytes, signal };
  return fetchFile(url, options, async (file) => {
    const chunks: Buffer[] = [];
    for await (const chunk of file.body) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const contentType = await detectType(bytes.subarray(0, 65_536), { declared: null, fileName: '' });
    return { assetId: undefined, url, contentType, source: bufferSource(bytes) };
  });
}

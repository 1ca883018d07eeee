import type { Handler, HandlerContext } from '@inferry/bus';
import { AppError, validationFailed, type viewOutput } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { detectType } from '../assets/content-type.ts';
import { findStored } from '../assets/own-assets.ts';
import type { UploadDeps } from '../deps.ts';
import { fetchFile } from '../fetch/fetch-file.ts';
import { type ByteSource, blobSource, bufferSource } from '../view/byte-source.ts';
import { notViewable } from '../view/not-viewable.ts';
import { maxPictureBytes, type Picture, thumbnailOfFile, viewableTypes } from '../view/thumbnail.ts';
import { frameOfVideo } from '../view/video-frame.ts';

const defaultPx = 512;
const decodeTimeoutMs = 15_000;
const videoTypes = new Set(['video/mp4', 'video/quicktime', 'video/x-m4v']);

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
      throw validationFailed('view_output', [
        { path: 'run_id', message: 'pass exactly one of run_id and asset_id' },
      ]);
    }
    const subject =
      assetId === undefined
        ? await findOutput(deps, context, { runId: runId ?? '', index: input.index ?? 0 })
        : ofAsset(deps, await findStored(deps, context.principal.subject, assetId));
    const seen = await deps.pictures.run(() => look(deps, subject, { maxPx, atSeconds }));
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

async function look(
  deps: UploadDeps,
  { source, contentType }: Subject,
  { maxPx, atSeconds }: { maxPx: number; atSeconds: number },
): Promise<Picture> {
  if (videoTypes.has(contentType)) {
    const { ffmpegPath } = deps;
    return frameOfVideo(source, { maxPx, atSeconds, ffmpegPath, timeoutMs: decodeTimeoutMs });
  }
  refuseUnviewable(contentType);
  if (source.sizeBytes > maxPictureBytes) throw notViewable('The picture is too large to be shown.');
  return thumbnailOfFile(await source.read(0, source.sizeBytes), maxPx);
}

function refuseUnviewable(contentType: string): void {
  if (viewableTypes.has(contentType)) return;
  if (contentType.startsWith('audio/')) throw notViewable('Audio cannot be looked at.');
  if (contentType.startsWith('video/')) throw notViewable('Only H.264 video in MP4 can be shown.');
  if (contentType.startsWith('text/') || contentType.endsWith('json')) {
    throw notViewable('Text cannot be looked at.', 'Read it with get_run, or open the link of the file.');
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
        nextAction: 'Call get_run to see the run and its outputs.',
      },
    );
  }
  const assetId = output.asset_id ?? deps.links.assetIdOf(output.url ?? '');
  if (assetId !== undefined) return ofAsset(deps, await findStored(deps, principal.subject, assetId));
  if (output.url === undefined) {
    throw notViewable('This output is text.', 'Read it with get_run.');
  }
  return fetchOutput(deps, output.url, AbortSignal.any([signal, AbortSignal.timeout(60_000)]));
}

/** An output that was not stored here: read from its provider, as any public URL, for this one look. */
async function fetchOutput(deps: UploadDeps, url: string, signal: AbortSignal): Promise<Subject> {
  const options = { ...deps.addressPolicy, maxBytes: maxPictureBytes, signal };
  return deps.copies.run(() =>
    fetchFile(url, options, async (file) => {
      const chunks: Buffer[] = [];
      for await (const chunk of file.body) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const contentType = await detectType(bytes.subarray(0, 65_536), { declared: null, fileName: '' });
      return { assetId: undefined, url, contentType, source: bufferSource(bytes) };
    }),
  );
}

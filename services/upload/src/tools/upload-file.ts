import { buffer } from 'node:stream/consumers';
import type { Handler, HandlerContext } from '@inferry/bus';
import {
  AppError,
  callOf,
  createUpload,
  hint,
  isPage,
  tooLargeAttachment,
  uploadFile,
  validationFailed,
} from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { headBytes } from '../assets/body.ts';
import { detectType, essence, toFileName } from '../assets/content-type.ts';
import { findStored } from '../assets/own-assets.ts';
import type { Whose } from '../assets/quota.ts';
import { readStored, storeAsset } from '../assets/store-asset.ts';
import type { UploadDeps } from '../deps.ts';
import { fetchFailed, urlRejected } from '../fetch/fetch-errors.ts';
import { fetchFile, type RemoteFile } from '../fetch/fetch-file.ts';
import { parseInlineBytes } from '../fetch/inline-bytes.ts';
import { maxCopyBytes } from '../sizes.ts';

/** The longest that copying a remote file may take. */
const copyTimeoutMs = 5 * 60_000;
const progressEveryMs = 1_000;

interface Wanted {
  fileName: string | undefined;
  contentType: string | undefined;
  expiresIn: number | undefined;
}

/** Stores a remote file or inline bytes. A repeated call of the same id answers the asset that it made. */
export function handleUploadFile(deps: UploadDeps): Handler<typeof uploadFile> {
  return async (input, context) => {
    const { url, base64 } = input;
    const { attachment } = context;
    if ([url, base64, attachment].filter((source) => source !== undefined).length !== 1) {
      throw validationFailed(callOf(uploadFile), [
        {
          path: 'url',
          message: 'pass exactly one of url and base64',
          hint: hint`${callOf(createUpload)} takes local files`,
        },
      ]);
    }
    const wanted = {
      fileName: input.file_name,
      contentType: essence(input.content_type),
      expiresIn: input.expires_in,
    };
    const stored = await store(deps, context, { url, base64, attachment, wanted });
    return {
      asset_id: stored.asset_id,
      file_url: deps.links.fileUrl(stored, 'public'),
      content_type: stored.content_type ?? undefined,
      bytes: stored.size_bytes ?? undefined,
      sha256: stored.sha256 ?? undefined,
    };
  };
}

interface Sources {
  url: string | undefined;
  base64: string | undefined;
  attachment: string | undefined;
  wanted: Wanted;
}

function store(
  deps: UploadDeps,
  context: HandlerContext,
  { url, base64, attachment, wanted }: Sources,
): Promise<AssetRow> {
  if (url !== undefined) return storeCopy(deps, context, { url, wanted });
  if (base64 !== undefined) return storeInline(deps, context, { value: base64, wanted });
  return keepAttachment(deps, context, { assetId: attachment ?? '', wanted });
}

/**
 * Keeps the bytes that the gateway took out of the arguments on their way here; it stored them as the caller's own
 * asset, with an end in case that this call never comes. What the other arguments say is known only now.
 */
async function keepAttachment(
  deps: UploadDeps,
  { principal, mount = '' }: HandlerContext,
  { assetId, wanted }: { assetId: string; wanted: Wanted },
): Promise<AssetRow> {
  if (assetId === tooLargeAttachment) throw tooLarge();
  const { subject } = principal;
  const asset = await findStored(deps, subject, assetId);
  const fileName = toFileName(wanted.fileName ?? '');
  const declared = wanted.contentType ?? asset.declared_type;
  const head = await buffer(await deps.blobs.get(asset.blob_key ?? '', { start: 0, end: headBytes - 1 }));
  await deps.assets.describe(assetId, {
    fileName,
    contentType: await detectType(head, { declared, fileName }),
    expiresAt: await endOf(deps, { subject, mount }, wanted),
  });
  return readStored(deps.assets, asset);
}

/** MR-57 */
function tooLarge(): AppError {
  return new AppError('upload_too_large', 'The file exceeds the 200 MiB upload cap.', {
    nextAction: hint`Send it with ${callOf(createUpload)}: it takes large files, in parts, and its URL is taken by a run as well.`,
    details: { field: 'base64', max_bytes: maxCopyBytes },
  });
}

async function storeInline(
  deps: UploadDeps,
  context: HandlerContext,
  { value, wanted }: { value: string; wanted: Wanted },
): Promise<AssetRow> {
  const { bytes, contentType } = parseInlineBytes(value);
  const asset = await openAsset(deps, context, { ...wanted, contentType: wanted.contentType ?? contentType });
  const body = (async function* () {
    yield bytes;
  })();
  return storeOnce(deps, asset, body, context.signal);
}

async function storeCopy(
  deps: UploadDeps,
  context: HandlerContext,
  { url, wanted }: { url: string; wanted: Wanted },
): Promise<AssetRow> {
  if (isLocalPath(url)) {
    throw urlRejected('Local paths cannot be read here: this server does not see your files.');
  }
  // A stop lets a copy end if there is time: half a file is of no use to anybody.
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(copyTimeoutMs)]);
  const options = { ...deps.addressPolicy, maxBytes: maxCopyBytes, signal };
  return deps.copies.run(context.principal.subject, signal, () =>
    fetchFile(url, options, async (file) => {
      const body = await refuseOther(file, wanted.contentType);
      const asset = await openAsset(deps, context, {
        fileName: wanted.fileName ?? file.fileName,
        contentType: wanted.contentType ?? file.contentType,
        expiresIn: wanted.expiresIn,
      });
      return storeOnce(deps, asset, reported({ ...file, body }, context), signal);
    }),
  );
}

/** What is no file, or a page where something else was said: a sign-in, or a link that has ended. */
async function refuseOther(file: RemoteFile, wanted: string | undefined): Promise<AsyncIterable<Buffer>> {
  const chunks = file.body[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done === true) throw fetchFailed('The link at `url` leads to an empty file.');
  const said = wanted ?? (isPageType(file.contentType) ? undefined : file.contentType);
  if (said !== undefined && !isPageType(said) && !said.startsWith('text/') && isPage(first.value)) {
    await chunks.return?.();
    throw fetchFailed(
      `The link at \`url\` leads to a web page, not to ${said}: it may need a sign-in or have ended.`,
    );
  }
  return (async function* () {
    yield first.value;
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) yield chunk;
  })();
}

function isPageType(type: string | undefined): boolean {
  return type === 'text/html' || type === 'application/xhtml+xml';
}

function endOf(deps: UploadDeps, whose: Whose, { expiresIn }: Wanted): Promise<number | null> {
  return deps.policies.endOf(whose, { at: deps.now(), expiresIn });
}

async function openAsset(deps: UploadDeps, context: HandlerContext, wanted: Wanted): Promise<AssetRow> {
  const { principal, mount = '' } = context;
  const { subject } = principal;
  const expiresAt = await endOf(deps, { subject, mount }, wanted);
  const open = () =>
    deps.assets.open({
      subject,
      ref: context.callId === '' ? null : `call:${context.callId}`,
      fileName: toFileName(wanted.fileName ?? ''),
      declaredType: wanted.contentType ?? null,
      declaredBytes: null,
      declaredSha256: null,
      partCount: 1,
      uploadUntil: deps.now() + copyTimeoutMs,
      expiresAt,
      mount,
    });
  return deps.quota.reserve(subject, { bytes: 0, files: 1 }, open);
}

// biome-ignore lint/complexity/useMaxParams: the asset, what goes into it and when to stop.
async function storeOnce(
  deps: UploadDeps,
  asset: AssetRow,
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<AssetRow> {
  if (asset.state === 'stored') return readStored(deps.assets, asset);
  try {
    return await storeAsset(deps, asset, { body, options: { maxBytes: maxCopyBytes, signal } });
  } catch (error) {
    // The same call was made twice, and the other one was faster.
    if (error instanceof AppError && error.code === 'upload_expired') return readStored(deps.assets, asset);
    throw error;
  }
}

/** Tells the caller about once a second how far the copy is, when the total is known. */
async function* reported(file: RemoteFile, context: HandlerContext): AsyncGenerator<Buffer> {
  const { sizeBytes = 0 } = file;
  let receivedBytes = 0;
  let toldAt = Date.now();
  for await (const chunk of file.body) {
    receivedBytes += chunk.byteLength;
    if (sizeBytes > receivedBytes && Date.now() - toldAt >= progressEveryMs) {
      toldAt = Date.now();
      context.progress({ progress: receivedBytes / sizeBytes, message: 'Copying the file' });
    }
    yield chunk;
  }
}

function isLocalPath(url: string): boolean {
  return /^(file:|[/~.\\]|[A-Za-z]:[\\/])/i.test(url.trim());
}

import { AppError, isDataUri, readDataUri, validationFailed } from '@inferry/contracts';
import { InputFileError } from '../local/input-file-error.ts';
import { readInputFile } from '../local/read-input-file.ts';
import type { InputFile, SubmitRequest } from '../provider.ts';
import { extensionOf, extensionOfBytes } from '../schema/file-types.ts';

export interface LoadedFile {
  bytes: Uint8Array<ArrayBuffer>;
  contentType: string;
  fileName: string;
}

const defaultMaxBytes = 64 << 20;

/**
 * The files of one input field, read: for platforms that want the bytes (`inputUrls: 'internal'`). Only what the service
 * has checked is fetched (`request.files`), and `data:` URIs, never a URL out of the input itself.
 */
export async function loadFiles(
  request: Pick<SubmitRequest, 'input' | 'files'>,
  field: string,
  { signal, maxBytes = defaultMaxBytes }: { signal: AbortSignal; maxBytes?: number },
): Promise<LoadedFile[]> {
  const value = request.input[field];
  const listed = Array.isArray(value) ? value.map((item, index) => ({ item, key: `${field}/${index}` })) : [];
  const wanted = Array.isArray(value)
    ? listed
    : value === undefined || value === null
      ? []
      : [{ item: value, key: field }];
  return Promise.all(
    wanted.map(({ item, key }, index) => load({ request, key, item, index, signal, maxBytes })),
  );
}

/** The same as `data:` URIs, for JSON bodies. */
export async function loadDataUris(
  request: Pick<SubmitRequest, 'input' | 'files'>,
  field: string,
  limits: { signal: AbortSignal; maxBytes?: number },
): Promise<string[]> {
  const files = await loadFiles(request, field, limits);
  return files.map(
    ({ bytes, contentType }) => `data:${contentType};base64,${Buffer.from(bytes).toString('base64')}`,
  );
}

async function load(file: {
  request: Pick<SubmitRequest, 'files'>;
  key: string;
  item: unknown;
  index: number;
  signal: AbortSignal;
  maxBytes: number;
}): Promise<LoadedFile> {
  const { request, key, item, index, signal, maxBytes } = file;
  const known = request.files[key];
  const url = known?.url ?? (typeof item === 'string' && isDataUri(item) ? item : undefined);
  if (url === undefined) {
    throw validationFailed('input', [
      {
        path: key.replaceAll('/', '.'),
        message: 'is no file that this server can read',
        hint: 'upload it first',
      },
    ]);
  }
  const contentType = known?.contentType ?? readDataUri(url)?.contentType ?? 'application/octet-stream';
  return loadFile({ key, file: { url, contentType }, index }, { signal, maxBytes });
}

/** One file that the service has checked. */
export async function loadFile(
  { key, file, index }: { key: string; file: Pick<InputFile, 'url' | 'contentType'>; index: number },
  { signal, maxBytes = defaultMaxBytes }: { signal: AbortSignal; maxBytes?: number },
): Promise<LoadedFile> {
  const { url, contentType } = file;
  try {
    // as: the reader returns an array that owns its buffer.
    const bytes = (await readInputFile(key, url, {
      maxBytes,
      timeoutMs: 60_000,
      signal,
    })) as Uint8Array<ArrayBuffer>;
    // Servers tell formats by the name: by what is said of the file, else by what it begins with.
    const extension = extensionOf(contentType) ?? extensionOfBytes(Buffer.from(bytes.buffer)) ?? 'bin';
    return { bytes, contentType, fileName: `file-${index}.${extension}` };
  } catch (error) {
    if (!(error instanceof InputFileError)) throw error;
    throw new AppError(
      error.code === 'upstream_failed' ? 'url_fetch_failed' : 'validation_failed',
      error.message,
      {
        cause: error,
      },
    );
  }
}

import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '@inferry/contracts';
import { type Dispatcher, request } from 'undici';
import { patiently } from '../assets/body.ts';
import { essence } from '../assets/content-type.ts';
import { fetchFailed, toFetchError, urlRejected } from './fetch-errors.ts';
import { type AddressPolicy, checkUrl, createPublicAgent } from './public-connector.ts';

export interface FetchOptions extends AddressPolicy {
  maxBytes: number;
  /** The end of the whole transfer. */
  signal: AbortSignal;
  connectTimeoutMs?: number | undefined;
  /** The longest wait for the answer's headers, and for each next piece of the body. */
  silenceMs?: number | undefined;
}

/** A remote file while it comes. */
export interface RemoteFile {
  /** Fails with `upload_too_large`, `url_fetch_failed` or `cancelled`. */
  body: AsyncIterable<Buffer>;
  contentType: string | undefined;
  /** The last segment of the URL's path, decoded; empty when there is none. */
  fileName: string;
  sizeBytes: number | undefined;
}

const maxRedirects = 3;

/**
 * Reads a public URL for `use`, without letting it reach our own network: see `checkUrl` and `createPublicAgent`;
 * every redirect is checked alike. The connection ends with `use`.
 */
export async function fetchFile<T>(
  url: string,
  options: FetchOptions,
  use: (file: RemoteFile) => Promise<T>,
): Promise<T> {
  const agent = createPublicAgent({ policy: options, timeoutMs: options.connectTimeoutMs ?? 5_000 });
  try {
    return await use(await open(url, options, agent));
  } finally {
    await agent.destroy();
  }
}

async function open(text: string, options: FetchOptions, agent: Dispatcher): Promise<RemoteFile> {
  let url = checkUrl(text, options);
  for (let redirects = 0; ; redirects += 1) {
    const reply = await get(url, options, agent);
    const { statusCode, headers, body } = reply;
    body.on('error', () => undefined); // told to whoever reads; nobody does when it is refused
    if (statusCode === 200) return toRemoteFile({ url, headers, body }, options);
    body.destroy();
    const location = headerOf(headers, 'location');
    if (statusCode < 300 || statusCode > 399 || location === undefined) {
      throw fetchFailed(`The URL was answered with status ${statusCode}.`, { status: statusCode });
    }
    if (redirects === maxRedirects) throw fetchFailed(`The URL redirects more than ${maxRedirects} times.`);
    if (!URL.canParse(location, url)) throw urlRejected('The URL redirects to something that is not a URL.');
    url = checkUrl(new URL(location, url).href, options);
  }
}

async function get(url: URL, { signal, silenceMs = 15_000 }: FetchOptions, dispatcher: Dispatcher) {
  try {
    return await request(url, {
      dispatcher,
      method: 'GET',
      signal,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'inferry-upload' },
    });
  } catch (error) {
    if (signal.aborted) throw tookTooLong();
    throw toFetchError(error);
  }
}

type Headers = Record<string, string | string[] | undefined>;

function toRemoteFile(
  { url, headers, body }: { url: URL; headers: Headers; body: Readable },
  options: FetchOptions,
): RemoteFile {
  const encoding = headerOf(headers, 'content-encoding')?.toLowerCase() ?? 'identity';
  const length =
    encoding === 'identity' ? Number(headerOf(headers, 'content-length') ?? Number.NaN) : Number.NaN;
  if (length > options.maxBytes) throw tooLarge(options.maxBytes);
  return {
    body: guarded(decoded(body, encoding), options),
    contentType: essence(headerOf(headers, 'content-type')),
    fileName: lastSegment(url),
    sizeBytes: Number.isNaN(length) ? undefined : length,
  };
}

/** We ask for the plain bytes; some servers compress all the same. */
function decoded(body: Readable, encoding: string): Readable {
  if (encoding === 'identity') return body;
  const decoders: Record<string, () => NodeJS.ReadWriteStream> = {
    gzip: createGunzip,
    'x-gzip': createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  const create = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
  if (create === undefined) throw fetchFailed('The file has an encoding that cannot be read.');
  // as: the decoders of node:zlib are Transform streams. Their errors reach whoever reads.
  return pipeline(body, create(), () => undefined) as unknown as Readable;
}

/** Counts what really comes, whatever the headers said. */
async function* guarded(body: Readable, options: FetchOptions): AsyncGenerator<Buffer> {
  const { maxBytes, signal, silenceMs = 15_000 } = options;
  let sizeBytes = 0;
  try {
    for await (const chunk of patiently(body, { silenceMs, signal })) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } catch (error) {
    const isSilence = error instanceof AppError && error.code === 'deadline_exceeded';
    if (signal.aborted || isSilence) throw tookTooLong();
    throw toFetchError(error);
  }
}

function tooLarge(maxBytes: number): AppError {
  const cap = `${Math.floor(maxBytes / 1024 / 1024)} MiB`;
  return new AppError('upload_too_large', `The file exceeds the ${cap} upload cap.`, {
    nextAction: 'Upload it with create_upload, which takes up to 5 GiB.',
  });
}

function tookTooLong(): AppError {
  return fetchFailed('Reading the URL took too long or was cancelled.');
}

function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function lastSegment(url: URL): string {
  const segment = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray percent sign: the name as it is.
    return segment;
  }
}

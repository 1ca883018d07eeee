import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { AppError, callOf, codingsOf, createUpload, hint, unpacked } from '@inferry/contracts';
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
  /** As the server says, else the last segment of the URL's path, decoded; empty when there is none. */
  fileName: string;
  sizeBytes: number | undefined;
}

/** As many as storages and shorteners need; browsers follow 20. */
const maxRedirects = 10;

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
    if (statusCode === 200 || isWhole(statusCode, headers))
      return toRemoteFile({ url, headers, body }, options);
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
  // We ask for the plain bytes; some servers pack them all the same.
  const packed = codingsOf(headerOf(headers, 'content-encoding'));
  if (packed === undefined) {
    body.destroy();
    throw fetchFailed('The file has a Content-Encoding that cannot be read.');
  }
  const length = packed.length === 0 ? Number(headerOf(headers, 'content-length') ?? Number.NaN) : Number.NaN;
  if (length > options.maxBytes) throw tooLarge(options.maxBytes);
  return {
    body: guarded(unpacked(body, packed), options),
    contentType: essence(headerOf(headers, 'content-type')),
    fileName: dispositionName(headerOf(headers, 'content-disposition')) ?? lastSegment(url),
    sizeBytes: Number.isNaN(length) ? undefined : length,
  };
}

/** A part that is the whole: servers that answer every request so. */
function isWhole(statusCode: number, headers: Headers): boolean {
  const [, end, size] = /^bytes 0-(\d+)\/(\d+)$/.exec(headerOf(headers, 'content-range') ?? '') ?? [];
  return statusCode === 206 && end !== undefined && Number(end) + 1 === Number(size);
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
    nextAction: hint`Download it where you have a shell and send it with ${callOf(createUpload)}, which takes up to 5 GiB.`,
    details: { field: 'url', max_bytes: maxBytes },
  });
}

function tookTooLong(): AppError {
  return fetchFailed('Reading the URL took too long or was cancelled.');
}

function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** RFC 6266: the extended form (RFC 8187) where both are there. */
function dispositionName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const [, charset = '', encoded] = /;\s*filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)/i.exec(header) ?? [];
  const extended = encoded === undefined ? undefined : decodedName(encoded, charset);
  if (extended !== undefined && extended !== '') return extended;
  const [, quoted, token] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(`;${header}`) ?? [];
  const plain = quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
  // Node reads headers as Latin-1; many servers write UTF-8.
  const bytes = Buffer.from(plain, 'latin1');
  const name = /[\u0080-\u00ff]/.test(plain) && isUtf8(bytes) ? bytes.toString() : plain;
  const readable = /%[0-9a-f]{2}/i.test(name) ? (decodedName(name, 'utf-8') ?? name) : name;
  return readable === '' ? undefined : readable;
}

function decodedName(encoded: string, charset: string): string | undefined {
  try {
    if (/^utf-?8$/i.test(charset)) return decodeURIComponent(encoded);
    return encoded.replace(/%([0-9a-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
  } catch {
    // Not what it says it is.
    return undefined;
  }
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

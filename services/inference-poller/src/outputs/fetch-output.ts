/** An output on its way from its platform to the store. */
import { Readable } from 'node:stream';
import { AppError, codingsOf, isPage, isPrivateHost, unpacked } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { type Dispatcher, request } from 'undici';
import type { InferenceDeps } from '../deps.ts';

const maxRedirects = 10;

/**
 * An output from where a platform keeps it, as a stream of a bounded size. What a hosted platform answers may be in a
 * stranger's hand (a custom endpoint), so its links are followed to public addresses only; a provider that is part of
 * the deployment is trusted with private ones (`outputUrls`).
 */
export async function fetchOutput(
  deps: Pick<InferenceDeps, 'outputs'>,
  { url, kind, provider, signal }: { url: string; kind: string; provider: Provider; signal: AbortSignal },
): Promise<OutputBody> {
  const mayBePrivate = isTrusted(deps, provider);
  let location = new URL(url);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    refuseUnsafe(location, mayBePrivate);
    const reply = await request(location, {
      signal,
      ...(mayBePrivate ? {} : { dispatcher: deps.outputs.publicOnly }),
    });
    const next = redirectOf(reply, location);
    if (next === undefined) return await toBody(reply, { kind, maxBytes: deps.outputs.maxBytes });
    await reply.body.dump({ limit: 65_536 });
    location = next;
  }
  throw new AppError('url_fetch_failed', 'The output redirects too often.');
}

/** Whether a provider's links may lead into this network. */
export function isTrusted({ outputs }: Pick<InferenceDeps, 'outputs'>, { capabilities }: Provider): boolean {
  return capabilities.outputUrls === 'internal' || outputs.allowPrivateHosts;
}

function refuseUnsafe(url: URL, mayBePrivate: boolean): void {
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:';
  if (isHttp && (mayBePrivate || !isPrivateHost(url.hostname))) return;
  throw new AppError('url_rejected', 'The link of this output is not on the public internet.');
}

function redirectOf(reply: Dispatcher.ResponseData, from: URL): URL | undefined {
  if (reply.statusCode < 300 || reply.statusCode >= 400) return undefined;
  const { location } = reply.headers;
  return typeof location === 'string' && URL.canParse(location, from) ? new URL(location, from) : undefined;
}

async function toBody(reply: Dispatcher.ResponseData, wanted: Wanted): Promise<OutputBody> {
  const { headers, body, statusCode } = reply;
  const end = () => void body.on('error', () => undefined).destroy();
  const packed = codingsOf(single(headers['content-encoding']));
  if (statusCode !== 200 || packed === undefined) {
    end();
    throw unreadable('The output cannot be read at its link.', statusCode);
  }
  const length = single(headers['content-length']);
  const bytes = length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined;
  if (bytes !== undefined && bytes > wanted.maxBytes) {
    end();
    throw tooLarge(wanted.maxBytes);
  }
  body.on('error', () => undefined); // told to whoever reads what is unpacked of it
  const chunks = bounded(unpacked(body, packed), wanted.maxBytes);
  const first = await chunks.next();
  const problem = problemOf(first.value, wanted, single(headers['content-type']));
  if (problem !== undefined) {
    end();
    throw unreadable(problem, statusCode);
  }
  const content = Readable.from(joined(first.value ?? Buffer.alloc(0), chunks), { objectMode: false });
  content.once('close', end);
  return { content, bytes: packed.length === 0 ? bytes : undefined };
}

interface Wanted {
  kind: string;
  maxBytes: number;
}

const media = new Set(['image', 'video', 'audio', '3d']);
const documents = /^(text\/html|application\/(xhtml\+xml|json|problem\+json|xml)|text\/xml)\b/i;

/** What came in place of a file: nothing, or what a server says when it has none. It may well come later. */
export function problemOf(
  head: Uint8Array | undefined,
  { kind }: Pick<Wanted, 'kind'>,
  contentType?: string,
): string | undefined {
  if (head === undefined || head.byteLength === 0) return 'The output is empty at its link.';
  if (!media.has(kind)) return undefined;
  const isDocument =
    contentType !== undefined && documents.test(contentType) && !/<svg[\s>]/i.test(textOf(head));
  return isPage(head) || isDocument ? `The link of this ${kind} leads to a page in place of it.` : undefined;
}

function textOf(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 4_096)).toString('latin1');
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** What really comes counts, also when a few bytes unpack to many. */
async function* bounded(body: Readable, maxBytes: number): AsyncGenerator<Buffer, undefined> {
  let count = 0;
  for await (const chunk of body) {
    count += chunk.length;
    if (count > maxBytes) throw tooLarge(maxBytes);
    if (chunk.length > 0) yield chunk;
  }
}

async function* joined(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

function unreadable(message: string, upstreamStatus: number): AppError {
  return new AppError('url_fetch_failed', message, { upstreamStatus });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('upload_too_large', `The output is larger than ${maxBytes} bytes.`);
}

export interface OutputBody {
  content: Buffer | Readable;
  /** When it is known before it is read. */
  bytes: number | undefined;
}

/** Sends the bytes of an output to the upload service. */
export async function putOutput(
  url: string,
  { body, contentType, signal }: { body: OutputBody; contentType: string; signal: AbortSignal },
): Promise<void> {
  const headers: Record<string, string> = { 'content-type': contentType };
  if (body.bytes !== undefined) headers['content-length'] = String(body.bytes);
  const reply = await request(url, { method: 'PUT', headers, body: body.content, signal });
  await reply.body.dump({ limit: 65_536 });
  if (reply.statusCode >= 200 && reply.statusCode < 300) return;
  throw new AppError('unavailable', 'The output could not be stored.', { upstreamStatus: reply.statusCode });
}

import { Transform } from 'node:stream';
import { AppError, isPrivateHost } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { type Dispatcher, request } from 'undici';
import type { InferenceDeps } from '../deps.ts';
import type { OutputBody } from './put-output.ts';

const maxRedirects = 3;

/**
 * An output from where a platform keeps it, as a stream of a bounded size. What a hosted platform answers may be in a
 * stranger's hand (a custom endpoint), so its links are followed to public addresses only; a provider that is part of
 * the deployment is trusted with private ones (`outputUrls`).
 */
export async function fetchOutput(
  deps: Pick<InferenceDeps, 'outputs'>,
  { url, provider, signal }: { url: string; provider: Provider; signal: AbortSignal },
): Promise<OutputBody> {
  const isTrusted = provider.capabilities.outputUrls === 'internal' || deps.outputs.allowPrivateHosts;
  let location = new URL(url);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    refuseUnsafe(location, isTrusted);
    const reply = await request(location, {
      signal,
      ...(isTrusted ? {} : { dispatcher: deps.outputs.publicOnly }),
    });
    const next = redirectOf(reply, location);
    if (next === undefined) return toBody(reply, deps.outputs.maxBytes);
    await reply.body.dump({ limit: 65_536 });
    location = next;
  }
  throw new AppError('url_fetch_failed', 'The output redirects too often.');
}

function refuseUnsafe(url: URL, isTrusted: boolean): void {
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:';
  if (isHttp && (isTrusted || !isPrivateHost(url.hostname))) return;
  throw new AppError('url_rejected', 'The link of this output is not on the public internet.');
}

function redirectOf(reply: Dispatcher.ResponseData, from: URL): URL | undefined {
  if (reply.statusCode < 300 || reply.statusCode >= 400) return undefined;
  const { location } = reply.headers;
  return typeof location === 'string' && URL.canParse(location, from) ? new URL(location, from) : undefined;
}

function toBody(reply: Dispatcher.ResponseData, maxBytes: number): OutputBody {
  const length = reply.headers['content-length'];
  const bytes = typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : undefined;
  const isEncoded = reply.headers['content-encoding'] !== undefined;
  if (reply.statusCode !== 200) {
    reply.body.on('error', () => undefined).destroy();
    throw new AppError('url_fetch_failed', 'The output cannot be read at its link.', {
      upstreamStatus: reply.statusCode,
    });
  }
  if (bytes !== undefined && bytes > maxBytes) {
    reply.body.on('error', () => undefined).destroy();
    throw tooLarge(maxBytes);
  }
  return { content: bounded(reply, maxBytes), bytes: isEncoded ? undefined : bytes };
}

function bounded(reply: Dispatcher.ResponseData, maxBytes: number): Transform {
  let count = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      count += chunk.length;
      if (count > maxBytes) done(tooLarge(maxBytes));
      else done(null, chunk);
    },
  });
  reply.body.on('error', (error) => counter.destroy(error));
  counter.on('close', () => reply.body.destroy());
  return reply.body.pipe(counter);
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('upload_too_large', `The output is larger than ${maxBytes} bytes.`);
}

import { AppError } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import { type AddressPolicy, checkPublicUrl, createPublicAgent } from '@inferry/runtime/public-agent';
import { request } from 'undici';
import { z } from 'zod';
import { engineContext } from '../engine/engine-context.ts';
import { toDocumentMetadata } from '../policy/registration.ts';
import type { OAuthSettings } from '../settings.ts';

export interface DocumentFetchOptions {
  /** For tests, which have loopback only. */
  addresses?: AddressPolicy | undefined;
  timeoutMs?: number | undefined;
}

interface Deps extends DocumentFetchOptions {
  limits: Limits;
  settings: OAuthSettings;
  now(): number;
}

const maxBytes = 8_192;
const failureMs = 30_000;
const maxFailures = 1_000;

/**
 * Reads a client metadata document, or the keys that one names. Both are what a stranger wrote, where a stranger said: https
 * only, no private address however it is spelled or resolved, no redirect, little time, few bytes, JSON. A document that
 * could not be read is not asked for again at once.
 */
export function createDocumentFetch(deps: Deps): (url: string) => Promise<Response> {
  const failures = new Map<string, number>();
  return async (url) => {
    if ((failures.get(url) ?? 0) > deps.now())
      throw new Error('The document could not be read a moment ago.');
    await countFetch(deps);
    try {
      return toResponse(url, await read(url, deps), deps.settings);
    } catch (error) {
      failures.delete(url);
      failures.set(url, deps.now() + failureMs);
      const [oldest] = failures.keys();
      if (failures.size > maxFailures && oldest !== undefined) failures.delete(oldest);
      throw error;
    }
  };
}

/** Whoever sends ids of documents makes us send requests: that is counted for them, and in all. */
async function countFetch({ limits, settings }: Deps): Promise<void> {
  const address = engineContext.getStore()?.address ?? 'unknown';
  const { perAddress, inAll } = settings.documents;
  const verdicts = await limits.hitAll([
    { key: `oauth-document:${address}`, rule: { limit: perAddress, windowMs: 60_000 } },
    { key: 'oauth-document', rule: { limit: inAll, windowMs: 60_000 } },
  ]);
  if (verdicts.some(({ isAllowed }) => !isAllowed))
    throw new AppError('rate_limited', 'Too many documents were asked for.');
}

interface Document {
  value: unknown;
  cacheControl: string;
}

async function read(text: string, { addresses = {}, timeoutMs = 3_000 }: Deps): Promise<Document> {
  const url = checkPublicUrl(text, addresses, ['https:']);
  if (url.pathname === '/') throw new AppError('url_rejected', 'The URL of a document has a path.');
  const agent = createPublicAgent({ policy: addresses, timeoutMs });
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    });
    // A body without a listener for its errors would end the process when it is cut off.
    body.on('error', () => undefined);
    const type =
      String(headers['content-type'] ?? '')
        .split(';', 1)[0]
        ?.trim()
        .toLowerCase() ?? '';
    if (statusCode !== 200 || !/^application\/([\w.-]+\+)?json$/.test(type)) {
      body.destroy();
      throw new Error('The document is not there, moved, or is not JSON.');
    }
    const value: unknown = JSON.parse(await readText(body));
    return { value, cacheControl: String(headers['cache-control'] ?? '') };
  } finally {
    await agent.destroy();
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error('The document is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(20) });
const Own = z.object({ client_id: z.string() });

/** For the engine: of a document only what a client can be here, of a key set only its keys. */
function toResponse(url: string, { value, cacheControl }: Document, settings: OAuthSettings): Response {
  const headers = { 'content-type': 'application/json', 'cache-control': cacheControl };
  const keySet = KeySet.safeParse(value);
  if (keySet.success) return new Response(JSON.stringify(keySet.data), { headers });
  const own = Own.safeParse(value);
  if (own.data?.client_id !== url) throw new Error('The document is of another client.');
  if (typeof value === 'object' && value !== null && 'client_secret' in value)
    throw new Error('The document shows a secret.');
  const verdict = toDocumentMetadata(value, { ...settings, clientId: url });
  if (!verdict.isAccepted) throw new Error(`The document cannot be used: ${verdict.message}`);
  return new Response(JSON.stringify({ ...verdict.metadata, client_id: url }), { headers });
}

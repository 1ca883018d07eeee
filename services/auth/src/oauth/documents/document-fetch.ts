import { AppError } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import type { Parts } from '@inferry/runtime';
import { type AddressPolicy, checkPublicUrl, createPublicAgent } from '@inferry/runtime/public-agent';
import { request } from 'undici';
import { z } from 'zod';
import { engineContext } from '../engine/engine-context.ts';
import { countStranger } from '../http/windows.ts';
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
  log?: Pick<Parts['log'], 'info'> | undefined;
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
export function createDocumentFetch(deps: Deps): DocumentFetch {
  const failures = new Map<string, { until: number; reason: string }>();
  let unreachableUntil = 0;

  function note(url: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : 'it cannot be read';
    failures.delete(url);
    failures.set(url, { until: deps.now() + failureMs, reason });
    const [oldest] = failures.keys();
    if (failures.size > maxFailures && oldest !== undefined) failures.delete(oldest);
    // A host that was not reached at all, and nothing that it answered: then no document may be in reach.
    if (isUnreachable(error)) unreachableUntil = deps.now() + unreachableMs;
    // Anybody can name a document that is not there: nobody is woken for it.
    deps.log?.info({ host: URL.parse(url)?.host, reason }, 'a client metadata document cannot be read');
  }

  async function fetchDocument(url: string): Promise<Response> {
    if (deps.settings.clientDocuments === 'off') throw new Error(offHere);
    const failed = failures.get(url);
    if (failed !== undefined && failed.until > deps.now()) throw new Error(failed.reason);
    await countFetch(deps);
    try {
      const response = toResponse(url, await read(url, deps), deps.settings);
      unreachableUntil = 0;
      return response;
    } catch (error) {
      note(url, error);
      throw error;
    }
  }

  return {
    fetch: fetchDocument,
    isOffered() {
      const { clientDocuments } = deps.settings;
      return clientDocuments === 'on' || (clientDocuments === 'auto' && unreachableUntil <= deps.now());
    },
    failureOf(url) {
      if (deps.settings.clientDocuments === 'off') return offHere;
      const failed = failures.get(url);
      return failed !== undefined && failed.until > deps.now() ? failed.reason : undefined;
    },
  };
}

const offHere = 'documents of clients are not read here (OAUTH_CLIENT_DOCUMENTS=off)';

export interface DocumentFetch {
  fetch(url: string): Promise<Response>;
  /** Whether clients are told that they may name themselves by a document. */
  isOffered(): boolean;
  /** Why a document could not be read a moment ago. */
  failureOf(url: string): string | undefined;
}

/** How long clients are not told of documents after one host was out of reach. */
const unreachableMs = 10 * 60_000;
const unreachableCodes = new Set([
  ...['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET', 'EACCES', 'EPERM'],
]);

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return unreachableCodes.has(code) || error.name === 'TimeoutError' || isUnreachable(error.cause);
}

/** Whoever sends ids of documents makes us send requests: that is counted for them, and in all. */
async function countFetch({ limits, settings }: Deps): Promise<void> {
  const address = engineContext.getStore()?.address ?? 'unknown';
  const rule = { name: 'oauth-document', ...settings.documents, windowMs: 60_000 };
  if ((await countStranger(limits, address, rule)).length > 0)
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

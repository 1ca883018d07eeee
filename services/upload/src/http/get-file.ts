import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ByteRange } from '@inferry/blobs';
import { AppError } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import type { PaceOptions } from '@inferry/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAssetId } from '../assets/asset-keys.ts';
import { contentDisposition, servedAs } from '../assets/content-type.ts';
import type { HttpDeps } from './http-deps.ts';
import { noSuchFile } from './http-errors.ts';
import { isNotModified, isSameContent, parseRange, type Validators } from './range.ts';

/** Nothing that is stored here may act as a page of our origin. */
const sandbox = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";

/** Chromium shows no PDF in a sandbox; its viewer is an extension's page of its own origin. */
const pdfPolicy = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'";

/** Answers `GET` and `HEAD /files/:asset_id/:token/:file_name`: the URL itself is the permission. */
export function handleGetFile(deps: HttpDeps) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { asset, isFresh } = await findFile(deps, request.params);
    if (isFresh) return redirect(deps, reply, asset);
    const { headers } = request;
    const validators = validatorsOf(asset);
    reply.headers(fileHeaders(asset, validators, deps.now()));
    const conditions = {
      ifNoneMatch: headers['if-none-match'],
      ifModifiedSince: headers['if-modified-since'],
    };
    if (isNotModified(conditions, validators)) return reply.code(304).send();
    const sizeBytes = asset.size_bytes ?? 0;
    const asked = isSameContent(headers['if-range'] as string | undefined, validators)
      ? headers.range
      : undefined;
    const range = parseRange(asked, sizeBytes);
    if (range === 'unsatisfiable') {
      reply.removeHeader('etag').removeHeader('last-modified');
      return reply
        .code(416)
        .header('content-range', `bytes */${sizeBytes}`)
        .header('content-length', 0)
        .send();
    }
    const part = range === 'whole' ? undefined : range;
    describeBody(reply, sizeBytes, part);
    if (request.method === 'HEAD') return reply.send();
    return sendBlob({ deps, reply, request }, asset, part);
  };
}

async function findFile(
  { assets, links, now }: HttpDeps,
  params: unknown,
): Promise<{ asset: AssetRow; isFresh: boolean }> {
  // as: the route's path has these parameters.
  const { asset_id: assetId, token } = params as { asset_id: string; token: string };
  const asset = isAssetId(assetId) ? await assets.find(assetId) : undefined;
  if (asset?.state !== 'stored' || (asset.expires_at !== null && asset.expires_at <= now()))
    throw noSuchFile();
  const opened = links.opens(asset, token);
  if (opened === undefined) throw noSuchFile();
  return { asset, isFresh: opened === 'fresh' };
}

/** Signed on the spot: whoever keeps the answer keeps a link that ends. */
function redirect({ links }: HttpDeps, reply: FastifyReply, asset: AssetRow): FastifyReply {
  const headers = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
  return reply
    .code(302)
    .headers({ ...headers, 'cross-origin-resource-policy': 'cross-origin', location: links.freshUrl(asset) })
    .send();
}

function validatorsOf(asset: AssetRow): Validators {
  const modifiedAt = Math.floor((asset.stored_at ?? asset.created_at) / 1000) * 1000;
  return { etag: `"${(asset.sha256 ?? asset.asset_id).slice(0, 32)}"`, modifiedAt };
}

function fileHeaders(asset: AssetRow, validators: Validators, now: number): Record<string, string> {
  const { type, disposition } = servedAs(asset.content_type ?? 'application/octet-stream');
  return {
    'content-type': type,
    'content-disposition': contentDisposition(disposition, asset.file_name),
    'x-content-type-options': 'nosniff',
    'content-security-policy': type === 'application/pdf' ? pdfPolicy : sandbox,
    // Chat clients show these links inside their own pages.
    'cross-origin-resource-policy': 'cross-origin',
    'referrer-policy': 'no-referrer',
    'accept-ranges': 'bytes',
    etag: validators.etag,
    'last-modified': new Date(validators.modifiedAt).toUTCString(),
    'cache-control': cacheControl(asset, now),
  };
}

/** An asset never changes. The browser alone may keep it: a shared cache would outlive its deletion. */
function cacheControl(asset: AssetRow, now: number): string {
  if (asset.expires_at === null) return 'private, max-age=31536000, immutable';
  return `private, max-age=${Math.max(0, Math.floor((asset.expires_at - now) / 1000))}, immutable`;
}

function describeBody(reply: FastifyReply, sizeBytes: number, range: ByteRange | undefined): void {
  if (range === undefined) {
    reply.code(200).header('content-length', sizeBytes);
    return;
  }
  reply
    .code(206)
    .header('content-length', range.end - range.start + 1)
    .header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
}

interface Exchange {
  deps: HttpDeps;
  reply: FastifyReply;
  request: FastifyRequest;
}

async function sendBlob(
  { deps, reply, request }: Exchange,
  asset: AssetRow,
  range?: ByteRange,
): Promise<FastifyReply> {
  const transfer = { tenant: asset.subject, url: asset.asset_id, isReserved: false };
  await deps.downloads.run(transfer, async (draining) => {
    const source = await deps.blobs.get(asset.blob_key ?? '', range);
    if (reply.raw.destroyed) {
      source.destroy();
      throw new AppError('cancelled', 'The reader went away.');
    }
    // The framework destroys the stream when the client goes; a client that no longer reads is cut here.
    reply.raw.setTimeout(deps.timeouts.silenceMs, () => request.raw.socket.destroy());
    const onDrain = () => request.raw.socket.destroy();
    draining.addEventListener('abort', onDrain, { once: true });
    const watch = cutSlowReader(request.raw.socket, deps.timeouts.pace);
    try {
      reply.send(source);
      await closed(source);
    } finally {
      clearInterval(watch);
      draining.removeEventListener('abort', onDrain);
    }
  });
  return reply;
}

/** A reader that takes a drop now and then is as good as one that takes nothing. */
function cutSlowReader(socket: Socket, { bytesPerSecond, windowMs }: PaceOptions): NodeJS.Timeout {
  const taken = () => socket.bytesWritten - socket.writableLength;
  let before = taken();
  return setInterval(() => {
    // What has not been read from the storage yet is not the reader's delay.
    const isWaitedFor = socket.writableLength > 0;
    if (isWaitedFor && taken() - before < (bytesPerSecond * windowMs) / 1_000) socket.destroy();
    before = taken();
  }, windowMs);
}

function closed(source: Readable): Promise<void> {
  if (source.closed) return Promise.resolve();
  return new Promise((resolve) => source.once('close', resolve));
}

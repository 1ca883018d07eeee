import { Readable } from 'node:stream';
import { AppError, callOf, createUpload, hint, runModel } from '@inferry/contracts';
import type { AssetRow } from '@inferry/database';
import { ownBodyClock } from '@inferry/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAssetId, partKey } from '../assets/asset-keys.ts';
import { patiently } from '../assets/body.ts';
import { essence } from '../assets/content-type.ts';
import { joinParts } from '../assets/join-parts.ts';
import { isExempt } from '../assets/quota.ts';
import { alreadyUsed, discard, mismatch, storeAsset, urlEnded } from '../assets/store-asset.ts';
import { maxUploadBytes, partLength } from '../sizes.ts';
import type { HttpDeps } from './http-deps.ts';
import type { Transfer } from './transfers.ts';

interface PutRequest {
  asset: AssetRow;
  /** Absent for a single PUT. */
  part: number | undefined;
  /** Bytes that must come, where they are known. */
  expectedBytes: number | undefined;
  /** An empty body that does not say so is what curl makes of a folder. */
  saysEmpty: boolean;
  body: Readable;
}

/** Answers `PUT /files/u/:asset_id[/:part]`: one file, or one part of it, by a signed one-time URL. */
export function handlePutFile(deps: HttpDeps) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    try {
      ownBodyClock(request.raw);
      const put = await checkPut(deps, request);
      const stored = await deps.uploads.run(transferOf(put), async (draining) => {
        const signal = AbortSignal.any([draining, AbortSignal.timeout(deps.timeouts.uploadMs)]);
        return put.part === undefined ? storeWhole(deps, put, signal) : storePart(deps, put, signal);
      });
      return await reply.header('cache-control', 'no-store').send(stored);
    } catch (error) {
      if (isGone(request)) throw new AppError('cancelled', 'The sender went away.');
      cutUnreadBody(request, deps.timeouts.lingerMs);
      throw error;
    }
  };
}

async function checkPut({ assets, links, now }: HttpDeps, request: FastifyRequest): Promise<PutRequest> {
  const { asset_id: assetId, part } = readParams(request.params);
  const { expires, signature } = readQuery(request.query);
  if (now() >= expires * 1000) throw urlEnded();
  const asset = isAssetId(assetId) ? await assets.find(assetId) : undefined;
  const isMultipart = asset !== undefined && asset.part_count > 1;
  const isKnownPart = isMultipart ? part !== undefined && part <= asset.part_count : part === undefined;
  if (asset === undefined || !isKnownPart || !links.isUploadUrl(asset, expires, signature)) {
    throw new AppError('forbidden', 'This upload URL is not valid.', {
      nextAction: hint`Use the URL exactly as ${callOf(createUpload)} returned it.`,
    });
  }
  if (asset.state === 'stored') throw alreadyUsed(asset);
  if (asset.state !== 'pending') throw urlEnded();
  refuseWrongType(asset, part, request.headers['content-type']);
  const expectedBytes = part === undefined ? (asset.declared_bytes ?? undefined) : partBytesOf(asset, part);
  refuseWrongLength(request.headers['content-length'], expectedBytes);
  const saysEmpty = request.headers['content-length'] === '0';
  // as: the content type parser of these routes hands the body over as the stream that it is.
  const body = (request.body as Readable | undefined) ?? Readable.from([]);
  return { asset, part, expectedBytes, saysEmpty, body };
}

/** What our own services put comes by a `ref`; base64 that a gateway passes on is the client's own speed, though. */
function transferOf({ asset, part }: PutRequest): Transfer {
  return { tenant: asset.subject, url: `${asset.asset_id}/${part ?? ''}`, isReserved: isExempt(asset) };
}

function partBytesOf(asset: AssetRow, part: number): number {
  return partLength(asset.declared_bytes ?? 0, part);
}

async function storeWhole(deps: HttpDeps, put: PutRequest, signal: AbortSignal) {
  const { asset, expectedBytes, saysEmpty, body } = put;
  const stored = await storeAsset(deps, asset, {
    body: patiently(body, { ...deps.timeouts, signal }),
    options: { maxBytes: expectedBytes ?? maxUploadBytes, minBytes: saysEmpty ? 0 : 1, signal },
  }).catch((error: unknown) => {
    throw toMismatch(error, expectedBytes);
  });
  return toAnswer(deps, stored);
}

async function storePart(deps: HttpDeps, put: PutRequest, signal: AbortSignal) {
  const { asset, part = 0, expectedBytes, body } = put;
  const key = partKey(asset.asset_id, part);
  const chunks = Readable.from(patiently(body, { ...deps.timeouts, signal }), {
    objectMode: false,
  });
  const { sizeBytes } = await deps.blobs
    .put(key, chunks, { maxBytes: expectedBytes, signal })
    .catch((error: unknown) => {
      throw toMismatch(error, expectedBytes);
    });
  if (sizeBytes !== expectedBytes) {
    await discard(deps.blobs, key);
    throw mismatch(`Part ${part} has ${sizeBytes} bytes; it must have ${expectedBytes}.`);
  }
  const stored = await joinParts(deps, asset, signal);
  if (stored === undefined) return { asset_id: asset.asset_id, part, state: 'pending' };
  return toAnswer(deps, stored);
}

function toAnswer({ links }: HttpDeps, asset: AssetRow) {
  return {
    asset_id: asset.asset_id,
    state: 'stored',
    file_url: links.fileUrl(asset, 'public'),
    content_type: asset.content_type,
    bytes: asset.size_bytes,
    sha256: asset.sha256,
  };
}

/** One byte more than declared is a wrong file, not a large one. */
function toMismatch(error: unknown, expectedBytes: number | undefined): unknown {
  if (expectedBytes === undefined || !(error instanceof AppError)) return error;
  if (error.code !== 'upload_too_large') return error;
  return mismatch(`The body has more than the declared ${expectedBytes} bytes.`);
}

function refuseWrongType(asset: AssetRow, part: number | undefined, header: string | undefined): void {
  const sent = essence(header);
  if (part !== undefined || asset.declared_type === null || sent === undefined) return;
  if (sent !== essence(asset.declared_type)) {
    throw mismatch(`The content type is ${sent}; ${asset.declared_type} was declared.`);
  }
}

function refuseWrongLength(header: string | undefined, expectedBytes: number | undefined): void {
  if (header === undefined) return;
  const length = Number(header);
  if (expectedBytes !== undefined && length !== expectedBytes) {
    throw mismatch(`The body has ${length} bytes; ${expectedBytes} were declared.`);
  }
  if (length > maxUploadBytes) {
    throw new AppError('upload_too_large', 'The file exceeds the 5 GiB upload cap.', {
      nextAction: hint`Send a smaller file, or pass a link to it in ${callOf(runModel)} where the model takes one.`,
    });
  }
}

function isGone({ raw }: FastifyRequest): boolean {
  return raw.destroyed && !raw.complete;
}

/** A client that goes on sending after its refusal gets a moment to read the answer, then the connection ends. */
function cutUnreadBody(request: FastifyRequest, lingerMs: number): void {
  const { raw } = request;
  if (raw.complete || raw.destroyed) return;
  raw.on('error', () => undefined); // it was answered already
  raw.resume();
  const timer = setTimeout(() => raw.socket.destroy(), lingerMs);
  raw.once('close', () => clearTimeout(timer));
}

function readParams(params: unknown): { asset_id: string; part: number | undefined } {
  // as: the route's path has these parameters.
  const { asset_id: assetId, part } = params as { asset_id: string; part?: string };
  if (part === undefined) return { asset_id: assetId, part: undefined };
  return { asset_id: assetId, part: /^[1-9]\d{0,3}$/.test(part) ? Number(part) : Number.POSITIVE_INFINITY };
}

function readQuery(query: unknown): { expires: number; signature: string } {
  // as: a query string is an object of strings, or of arrays for repeated names.
  const { e, s } = query as Record<string, unknown>;
  const expires = typeof e === 'string' && /^\d{1,12}$/.test(e) ? Number(e) : Number.POSITIVE_INFINITY;
  return { expires, signature: typeof s === 'string' ? s : '' };
}

import { hash, randomUUID } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import {
  AppError,
  isDataUri,
  isObject,
  type JsonObject,
  resolveAssets,
  type StoredAsset,
  uploadFile,
} from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import type { RunFiles } from './run-document.ts';

const maxRefsAtOnce = 64;

type Asset = z.infer<typeof StoredAsset>;

/**
 * Where the files of an input are, by JSON pointer: known before anything is charged. Assets are read inside the
 * deployment or by their public link, as the provider needs. A foreign URL is passed on to a hosted platform; for one that
 * reads every file itself it is copied first, by the service that checks where a URL leads.
 */
export async function locateFiles(
  deps: InferenceDeps,
  request: { provider: Provider | undefined; input: JsonObject; pointers: readonly string[] },
  context: HandlerContext,
): Promise<RunFiles> {
  const { provider } = request;
  const reach = provider?.capabilities.inputUrls;
  const found = await findFiles(deps, request, context);
  const located = found.map(async ({ pointer, value, asset: known }): Promise<[string, Asset][]> => {
    const asset = known ?? (reach === 'internal' ? await copyIn(deps, value, context) : undefined);
    return asset === undefined ? [] : [[pointer, asset]];
  });
  const entries = (await Promise.all(located)).flat().map(([pointer, asset]) => [
    pointer,
    {
      url: reach === 'internal' || reach === 'uploaded' ? asset.internal_url : asset.url,
      contentType: asset.content_type,
      bytes: asset.bytes,
    },
  ]);
  return Object.fromEntries(entries);
}

/** The files that an input names, and which of them are the caller's assets. Throws for one that is not there. */
export async function findFiles(
  deps: InferenceDeps,
  { input, pointers }: { input: JsonObject; pointers: readonly string[] },
  context: HandlerContext,
): Promise<{ pointer: string; value: string; asset: Asset | null | undefined }[]> {
  const wanted = pointers
    .map((pointer) => ({ pointer, value: valueAt(input, pointer) }))
    .filter((file): file is { pointer: string; value: string } => isReference(file.value));
  const refs = wanted.map(({ value }) => value);
  const assets = await resolveAll(deps, refs, context);
  return wanted.map((file, index) => ({ ...file, asset: assets[index] }));
}

/** The input as the provider gets it, and its files by field name (nested fields: by path without the first slash). */
export function withFiles(input: JsonObject, files: RunFiles): { input: JsonObject; files: RunFiles } {
  const copy = structuredClone(input);
  for (const [pointer, file] of Object.entries(files)) setAt(copy, pointer, file.url);
  const byName = Object.entries(files).map(([pointer, file]) => [pathOf(pointer).join('/'), file]);
  return { input: copy, files: Object.fromEntries(byName) };
}

async function resolveAll(
  deps: InferenceDeps,
  refs: readonly string[],
  { principal, signal }: HandlerContext,
): Promise<(Asset | null)[]> {
  const assets: (Asset | null)[] = [];
  for (let at = 0; at < refs.length; at += maxRefsAtOnce) {
    const part = refs.slice(at, at + maxRefsAtOnce);
    assets.push(...(await deps.bus.call(resolveAssets, { refs: part }, { principal, signal })).assets);
  }
  return assets;
}

async function copyIn(deps: InferenceDeps, url: string, context: HandlerContext): Promise<Asset> {
  const { principal, signal, callId } = context;
  const timeoutMs = Math.max(1_000, context.deadlineAt - deps.now());
  const options = { principal, signal, timeoutMs, callId: copyId(callId, url) };
  const { asset_id: id } = await deps.bus.call(uploadFile, { url }, options);
  const [asset] = await resolveAll(deps, [id ?? ''], context);
  if (asset === null || asset === undefined)
    throw new AppError('asset_not_found', 'The copied file is gone.');
  return asset;
}

/** The whole link counts: signed ones have much in common and differ at their ends. */
function copyId(callId: string, url: string): string {
  return `${callId === '' ? randomUUID() : callId}:${hash('sha256', url, 'base64url')}`;
}

function isReference(value: unknown): boolean {
  return typeof value === 'string' && !isDataUri(value);
}

/** RFC 6901. */
function pathOf(pointer: string): string[] {
  const path = pointer.startsWith('/') ? pointer.slice(1) : pointer;
  return path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(input: JsonObject, pointer: string): unknown {
  return pathOf(pointer).reduce<unknown>((value, part) => memberOf(value, part), input);
}

function setAt(input: JsonObject, pointer: string, value: string): void {
  const path = pathOf(pointer);
  const last = path.pop() ?? '';
  const parent = path.reduce<unknown>((node, part) => memberOf(node, part), input);
  if (Array.isArray(parent)) parent[Number(last)] = value;
  else if (isObject(parent)) parent[last] = value;
}

function memberOf(value: unknown, part: string): unknown {
  if (Array.isArray(value)) return value[Number(part)];
  return isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
}

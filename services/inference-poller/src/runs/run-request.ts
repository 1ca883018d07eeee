/** What is asked for with a run beside its model: tags, webhook, time to live, priority, and the files of its input. */
import { hash, randomUUID } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import {
  AppError,
  isDataUri,
  isObject,
  type JsonObject,
  type Problem,
  resolveAssets,
  type StoredAsset,
  uploadFile,
} from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { webhookProblem } from '../webhooks/webhook-url.ts';
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

export interface RunRequest {
  model: string;
  input: JsonObject;
  client_ref?: string | undefined;
  /** What the reference counts within; without it all runs of its caller. */
  ref_scope?: 'caller' | 'model' | undefined;
  max_cost?: number | undefined;
  quote_id?: string | undefined;
  metadata?: JsonObject | undefined;
  webhook?: string | undefined;
  options?: JsonObject | undefined;
}

/** In what order the runs of one caller at one platform are sent: it moves nobody else's. */
const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

/** A run of low priority is sent as if it had come so much later, one of high as if it had so much sooner. */
const rankMs = 600_000;

export function rankOf(priority: Priority, now: number): number | null {
  if (priority === 'normal') return null;
  return priority === 'low' ? now + rankMs : now - rankMs;
}

const maxTags = 16;
const maxNameLength = 64;
const maxValueLength = 512;
const maxDocumentLength = 16_384;

/** What a run's schema does not say: tags (MRD-02), webhook, time to live and priority, with all that is wrong with them. */
export function readRunRequest(
  request: Pick<RunRequest, 'metadata' | 'webhook' | 'options'>,
  deps: Pick<InferenceDeps, 'timings' | 'webhooks'>,
): { tags: Record<string, string>; ttlMs: number; priority: Priority; problems: Problem[] } {
  const problems: Problem[] = [];
  const tags = readTags(request.metadata ?? {}, problems);
  if (request.webhook !== undefined) {
    const problem = webhookProblem(request.webhook, deps.webhooks);
    if (problem !== undefined) problems.push(problem);
  }
  const ttlMs = readTtl(request.options ?? {}, deps.timings.runTtlMs, problems);
  return { tags, ttlMs, priority: readPriority(request.options ?? {}, problems), problems };
}

/** Tags as `list_runs` filters by them. */
export function readTags(metadata: JsonObject, problems: Problem[]): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length > maxTags) {
    problems.push({ path: 'metadata', message: `has ${entries.length} tags`, hint: `at most ${maxTags}` });
  }
  const tags: [string, string][] = [];
  for (const [name, value] of entries.slice(0, maxTags)) {
    const path = `metadata.${name.slice(0, maxNameLength)}`;
    if (name.length < 1 || name.length > maxNameLength) {
      problems.push({
        path,
        message: `has a name of ${name.length} characters`,
        hint: `1 to ${maxNameLength}`,
      });
    } else if (typeof value !== 'string') {
      problems.push({ path, message: 'is not a string', hint: 'tags are strings' });
    } else if (value.length > maxValueLength) {
      problems.push({ path, message: `has ${value.length} characters`, hint: `at most ${maxValueLength}` });
    } else tags.push([name, value]);
  }
  return Object.fromEntries(tags);
}

function readTtl(options: JsonObject, maxMs: number, problems: Problem[]): number {
  if (JSON.stringify(options).length > maxDocumentLength) {
    problems.push({
      path: 'options',
      message: 'are too large',
      hint: `at most ${maxDocumentLength} characters`,
    });
  }
  const { ttl_seconds: given } = options;
  if (given === undefined) return maxMs;
  // Agents write numbers as text now and then.
  const seconds = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given;
  const maxSeconds = Math.floor(maxMs / 1_000);
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= maxSeconds) {
    return seconds * 1_000;
  }
  problems.push({ path: 'options.ttl_seconds', message: 'is out of range', hint: `1 to ${maxSeconds}` });
  return maxMs;
}

function readPriority({ priority }: JsonObject, problems: Problem[]): Priority {
  const found = priorities.find((one) => one === priority);
  if (found === undefined && priority !== undefined)
    problems.push({ path: 'options.priority', message: 'is no priority', hint: priorities.join(', ') });
  return found ?? 'normal';
}

/** Tasks that make nothing: search and upload of models, storage of media, the account, the archive of tasks. */
import { randomUUID } from 'node:crypto';
import { AppError, type JsonObject } from '@inferry/contracts';
import type { z } from 'zod';
import { cleanText } from '../errors/index.ts';
import type { PlatformClient, Reply } from '../http/index.ts';
import { rawOf } from '../outputs/answer.ts';
import type { CommunityModel, CommunityQuery, StoredMedia } from '../platform-services.ts';
import type { ProviderContext } from '../provider.ts';
import { FoundModel, MediaAnswer, SearchAnswer, TaskDetails, type TaskItem, TaskReply } from './wire.ts';

const maxFound = 100;

export interface Utilities {
  client: PlatformClient;
  /** What a reply refuses, though it came with 200. */
  refusalOf(reply: Reply<TaskReply>, purpose: 'read' | 'change'): AppError;
  context: ProviderContext;
}

/** The one item of a task that reads. */
export async function ask(parts: Utilities, task: JsonObject): Promise<TaskItem> {
  const call = { method: 'POST' as const, path: '', json: [{ taskUUID: randomUUID(), ...task }] };
  const reply = await parts.client.read(TaskReply, call, parts.context);
  const [item] = reply.body.data ?? [];
  if (item === undefined) throw parts.refusalOf(reply, 'read');
  return item;
}

/** The same of one that changes something: sent once. */
async function change(parts: Utilities, task: JsonObject): Promise<TaskItem> {
  const call = { path: '', json: [{ taskUUID: randomUUID(), ...task }] };
  const reply = await parts.client.change(TaskReply, call, parts.context);
  const [item] = reply.body.data ?? [];
  if (item === undefined) throw parts.refusalOf(reply, 'change');
  return item;
}

export async function searchCommunity(
  parts: Utilities,
  { tags, limit = 20, ...query }: CommunityQuery,
): Promise<{ total: number; models: CommunityModel[] }> {
  const item = await ask(parts, {
    taskType: 'modelSearch',
    ...withoutUndefined(query),
    ...(tags !== undefined && tags.length > 0 && { tags: [...tags] }),
    limit: Math.min(limit, maxFound),
  });
  const { results, totalResults } = read(SearchAnswer, item);
  const models = results.slice(0, maxFound).flatMap((listed): CommunityModel[] => {
    const { data } = FoundModel.safeParse(listed);
    return data === undefined ? [] : [toCommunityModel(data)];
  });
  return { total: totalResults ?? models.length, models };
}

function toCommunityModel({ air, tags, ...told }: z.infer<typeof FoundModel>): CommunityModel {
  const words = Object.entries(told).flatMap(([name, value]) =>
    typeof value === 'string' && value !== '' ? [[name, cleanText(value, { maxLength: 120 })]] : [],
  );
  return {
    nativeId: cleanText(air),
    ...Object.fromEntries(words),
    ...(tags !== undefined && { tags: tags.slice(0, 12).map((tag) => cleanText(tag, { maxLength: 40 })) }),
  };
}

export async function uploadModel(parts: Utilities, weights: JsonObject): Promise<JsonObject> {
  return recordOf(await change(parts, { ...weights, taskType: 'modelUpload' }));
}

export async function storeMedia(parts: Utilities, media: string): Promise<StoredMedia> {
  return toStored(await change(parts, { taskType: 'mediaStorage', operation: 'upload', media }));
}

export async function deleteMedia(parts: Utilities, id: string): Promise<StoredMedia> {
  return toStored(await change(parts, { taskType: 'mediaStorage', operation: 'delete', media: id }));
}

function toStored(item: TaskItem): StoredMedia {
  const { mediaUUID, mediaURL } = read(MediaAnswer, item);
  const record = recordOf(item);
  return typeof mediaURL === 'string'
    ? { id: mediaUUID, url: mediaURL, record: { ...record, mediaURL } }
    : { id: mediaUUID, record };
}

/** The account, and everybody in it: for whoever holds the key. */
export async function readAccount(parts: Utilities): Promise<JsonObject> {
  return recordOf(await ask(parts, { taskType: 'accountManagement', operation: 'getDetails' }));
}

/** Of an archived task: what was sent and what was answered. Undefined where the platform says that there is none. */
export function toTaskRecord(item: TaskItem): JsonObject {
  const { request, response } = read(TaskDetails, item);
  const { taskType, taskUUID } = item;
  return (
    rawOf({
      taskType,
      taskUUID,
      request: Array.isArray(request) ? request : [request],
      response: response ?? {},
    }) ?? {}
  );
}

function recordOf(item: TaskItem): JsonObject {
  return rawOf(item) ?? {};
}

function read<T>(schema: z.ZodType<T>, item: TaskItem): T {
  const parsed = schema.safeParse(item);
  if (parsed.success) return parsed.data;
  throw new AppError('upstream_malformed', 'Runware answered something that cannot be read.', {
    cause: parsed.error,
  });
}

function withoutUndefined(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
}

/** Tasks that make nothing: storage of media, search and upload of models, the account. */
import { z } from 'zod';
import { type Emulator, Refusal } from '../kit/index.ts';
import { communityModels } from './models.ts';

/** One task of a list. */
export interface Task {
  taskType: string;
  taskUUID?: string | undefined;
  [field: string]: unknown;
}

export interface Reply {
  data?: unknown[];
  errors?: unknown[];
}

const known = { taskType: z.string(), taskUUID: z.uuid() };
const category = z.enum(['checkpoint', 'lora', 'lycoris', 'vae', 'embeddings']);

const Media = z.strictObject({
  ...known,
  operation: z.enum(['upload', 'delete']),
  media: z.string().min(1),
});

/** `type` and `tags` are in no type of the SDK; the platform's own tool sends them all the same. */
const Search = z.strictObject({
  ...known,
  search: z.string().optional(),
  source: z.enum(['featured', 'community']).optional(),
  category: category.optional(),
  type: z.string().optional(),
  architecture: z.string().optional(),
  capabilities: z.array(z.string()).optional(),
  tags: z.array(z.string()).optional(),
  visibility: z.enum(['public', 'private', 'favorite', 'owned']).optional(),
  limit: z.int().optional(),
  offset: z.int().optional(),
  sort: z.string().optional(),
});

const Upload = z.strictObject({
  ...known,
  category,
  type: z.string().optional(),
  architecture: z.string(),
  format: z.literal('safetensors'),
  air: z.string().optional(),
  uniqueIdentifier: z.string().optional(),
  name: z.string(),
  version: z.string(),
  downloadURL: z.url(),
  private: z.boolean().optional(),
  heroImageURL: z.url().optional(),
  tags: z.array(z.string()).optional(),
  shortDescription: z.string().optional(),
});

/** Undefined for a task that is none of these. */
export function answerUtility(emulator: Emulator, task: Task): Reply | undefined {
  switch (task.taskType) {
    case 'mediaStorage':
      return storeMedia(emulator, parse(emulator, Media, task));
    case 'modelSearch':
      return searchModels(parse(emulator, Search, task));
    case 'modelUpload':
      return uploadModel(parse(emulator, Upload, task));
    case 'accountManagement':
      return { data: [accountOf(task)] };
    default:
      return undefined;
  }
}

function parse<T>(emulator: Emulator, schema: z.ZodType<T>, task: Task): T {
  const parsed = schema.safeParse(task);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw emulator.refusal('validation', String(issue?.path[0] ?? 'unknown'));
}

function storeMedia(emulator: Emulator, { media, ...task }: z.infer<typeof Media>): Reply {
  if (task.operation === 'delete') {
    const name = [...emulator.files.keys()].find((file) => file.startsWith(media));
    if (name === undefined) throw notThere(emulator);
    emulator.files.delete(name);
    return { data: [{ ...task, mediaUUID: media }] };
  }
  const [, contentType = 'application/octet-stream', base64 = media] =
    /^data:([^;]+);base64,(.*)$/s.exec(media) ?? [];
  const isLink = /^https?:/.test(media);
  const bytes = isLink ? Buffer.from(`fetched from ${media}`) : Buffer.from(base64, 'base64');
  const mediaUUID = emulator.uuid();
  emulator.files.set(`${mediaUUID}.bin`, { bytes, contentType });
  const mediaURL = `${emulator.origin}/~files/runware/${mediaUUID}.bin`;
  return { data: [{ ...task, mediaUUID, mediaURL }] };
}

function notThere(emulator: Emulator): Refusal {
  const { body } = emulator.failure('validation', 'media');
  // as: the emulator's own failure is such a body.
  const [first] = (body as { errors: object[] }).errors;
  return new Refusal({ status: 400, body: { errors: [{ ...first, code: 'mediaNotFound' }] } });
}

function searchModels(asked: z.infer<typeof Search>): Reply {
  const { taskType, taskUUID, search = '', category: kind, architecture, tags = [] } = asked;
  const words = search.toLowerCase();
  const found = communityModels.filter(
    (model) =>
      `${model.name} ${model.air}`.toLowerCase().includes(words) &&
      (kind === undefined || model.category === kind) &&
      (architecture === undefined || model.architecture === architecture) &&
      tags.every((tag) => model.tags.includes(tag)),
  );
  const { limit = 20, offset = 0 } = asked;
  const results = found.slice(offset, offset + limit).map((model) => ({
    ...model,
    capabilities: ['io:text-to-image'],
    source: 'community',
    heroImage: null,
    private: false,
  }));
  return { data: [{ taskType, taskUUID, totalResults: found.length, results }] };
}

function uploadModel({ taskType, taskUUID, air, name, version }: z.infer<typeof Upload>): Reply {
  const given = air ?? `mine:${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}@${version}`;
  return {
    data: [{ taskType, taskUUID, status: 'validated', message: 'Model upload started.', air: given }],
  };
}

function accountOf({ taskType, taskUUID }: Task): object {
  const used = { credits: 1.2, requests: 9 };
  return {
    taskType,
    taskUUID,
    operation: 'getDetails',
    organizationName: 'Emulated Pictures',
    organizationUUID: '4f0c8a3e-2f61-4f43-8a3a-7f6f0f0e9a11',
    balance: { amount: 12.5, freeBalance: 0, currency: 'USD' },
    team: [{ name: 'Ada', email: 'ada@example.com', roles: ['Owner'], joinedAt: '2026-01-02T00:00:00Z' }],
    apiKeys: [
      { apiKey: 'emul…cdef', name: 'default', enabled: true, createdAt: '2026-01-02T00:00:00Z', requests: 9 },
    ],
    usage: { today: used, last7Days: used, last30Days: used, total: used },
  };
}

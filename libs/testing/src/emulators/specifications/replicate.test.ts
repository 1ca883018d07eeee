import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { replicateEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the types of the official client (1.4) and the documents say of each reply; not written from the adapter. */
const Prediction = z.strictObject({
  id: z.string().length(26),
  status: z.enum(['starting', 'processing', 'succeeded', 'failed', 'canceled', 'aborted']),
  model: z.string(),
  version: z.string(),
  input: z.record(z.string(), z.unknown()),
  output: z.unknown(),
  source: z.enum(['api', 'web']),
  error: z.string().nullable(),
  logs: z.string(),
  data_removed: z.boolean(),
  deadline: z.iso.datetime().optional(),
  deployment: z.string().optional(),
  metrics: z.strictObject({ predict_time: z.number().optional(), total_time: z.number().optional() }),
  created_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  completed_at: z.iso.datetime().nullable(),
  urls: z.strictObject({
    get: z.url(),
    cancel: z.url(),
    stream: z.url().optional(),
    web: z.url().optional(),
  }),
});
const Model = z.strictObject({
  url: z.url(),
  owner: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  visibility: z.enum(['public', 'private']),
  is_official: z.boolean(),
  github_url: z.url().nullable(),
  paper_url: z.url().nullable(),
  license_url: z.url().nullable(),
  run_count: z.int(),
  cover_image_url: z.url().nullable(),
  default_example: Prediction.nullable(),
  latest_version: z
    .strictObject({
      id: z.string().length(64),
      created_at: z.iso.datetime(),
      cog_version: z.string().nullable(),
      openapi_schema: z.record(z.string(), z.unknown()).nullable(),
    })
    .nullable(),
});
const Collection = z.strictObject({
  name: z.string(),
  slug: z.string(),
  description: z.string(),
  full_description: z.string().nullable(),
  models: z.array(Model).min(1).optional(),
});
const File = z.strictObject({
  id: z.string(),
  content_type: z.string(),
  size: z.int(),
  checksums: z.object({ sha256: z.string().length(64) }),
  metadata: z.record(z.string(), z.unknown()),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  urls: z.strictObject({ get: z.url() }),
});
const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({
    next: z.url().nullable(),
    previous: z.url().nullable(),
    results: z.array(item).min(1),
  });
const isOver = ['succeeded', 'failed', 'canceled'];

describe('the emulated Replicate answers as the types of its client say', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(replicateEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const submit = async () => {
    const path = '/models/black-forest-labs/flux-schnell/predictions';
    const { status, body } = await platform.ask(path, { json: { input: { prompt: 'a boat' } } });
    expect(status).toBe(201);
    return Prediction.parse(body);
  };

  it.each(['succeeded', 'failed', 'cancelled'] as const)('to a prediction that is %s', async (end) => {
    platform.emulator.script({ states: ['queued', 'running', end] });
    const { urls } = await submit();
    const seen = [];
    for (let looks = 0; looks < 4; looks++) seen.push(Prediction.parse((await platform.ask(urls.get)).body));

    for (const { status, started_at: started, completed_at: completed } of seen) {
      expect([status, started !== null]).toEqual([status, status !== 'starting']);
      expect([status, completed !== null]).toEqual([status, isOver.includes(status)]);
    }
    expect(isOver).toContain(seen.at(-1)?.status);
    expect(page(Prediction).safeParse((await platform.ask('/predictions')).body).error).toBeUndefined();
  });

  it('to a cancel with the prediction', async () => {
    const { urls } = await submit();

    const { body } = await platform.ask(urls.cancel, { method: 'POST' });

    expect(Prediction.parse(body).status).toBe('canceled');
  });

  it('to a list of collections, one of them, a model and a file', async () => {
    const file = new globalThis.File(['x'], 'a.txt', { type: 'text/plain' });

    expect(page(Collection).safeParse((await platform.ask('/collections')).body).error).toBeUndefined();
    expect(
      Collection.safeParse((await platform.ask('/collections/language-models')).body).error,
    ).toBeUndefined();
    expect(Model.safeParse((await platform.ask('/models/meta/llama')).body).error).toBeUndefined();
    const kept = await platform.ask('/files', { form: { content: file } });
    expect([kept.status, File.safeParse(kept.body).error]).toEqual([201, undefined]);
  });
});

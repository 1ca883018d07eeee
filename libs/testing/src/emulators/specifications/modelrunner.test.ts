import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Emulator, type Emulators, modelrunnerEmulator, startEmulators } from '../index.ts';

/**
 * What the published OpenAPI documents of ModelRunner (queue and platform, 2026-08) say of each reply: written from them,
 * and not from the adapter, so that the two cannot agree on a mistake.
 */
const word = z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED']);
const decimal = z.string().regex(/^\d+\.\d+$/);
const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({
    page: z.int(),
    limit: z.int(),
    total: z.int(),
    totalPages: z.int(),
    data: z.array(item).min(1),
  });

const Queued = z.object({
  status: word,
  request_id: z.string().length(21),
  response_url: z.string(),
  status_url: z.string(),
  cancel_url: z.string(),
  logs: z.string().optional(),
  metrics: z.object({ inference_time: z.number().optional() }).optional(),
  queue_position: z.number().optional(),
});
const Result = z.strictObject({
  id: z.string().length(21),
  modelEndpoint: z.string(),
  status: word,
  output: z.unknown(),
  input: z.unknown(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime().optional(),
  inferenceTime: z.number().optional(),
  delayTime: z.number().optional(),
  logs: z.string().optional(),
  error: z.string().optional(),
});
const RequestItem = z.strictObject({
  ...Result.shape,
  targetKind: z.enum(['model', 'wrapper', 'deployment']).optional(),
  deploymentId: z.string().nullish(),
  requestedModelEndpoint: z.string().nullish(),
  billingStatus: z.enum(['pending', 'partial', 'charged', 'failed']),
  payloadsPurgedAt: z.iso.datetime().nullish(),
  totalPrice: decimal.optional(),
  public: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  thumbnails: z.array(z.record(z.string(), z.unknown())),
  wrapperId: z.string().nullish(),
  baseModelId: z.string().nullish(),
  baseModelEndpoint: z.string().nullish(),
  user: z.object({ id: z.string() }),
});
const Model = z.strictObject({
  id: z.uuid(),
  ownerName: z.string(),
  alias: z.string(),
  name: z.string().nullable(),
  category: z.string(),
  shortDescription: z.string(),
  description: z.string(),
  thumbnailUrl: z.url(),
  tags: z.array(z.string()).nullable(),
  useCases: z.array(z.string()).nullable(),
  inputModalities: z.array(z.string()),
  outputModalities: z.array(z.string()),
  capabilities: z.array(z.string()),
  features: z.array(z.string()),
  schema: z.record(z.string(), z.unknown()),
  pricingMode: z.enum([
    'per_second',
    'per_output',
    'resolution_tiered',
    'per_output_second',
    'per_megapixel',
    'megapixel_tiered',
    'per_token',
  ]),
  averageCost: decimal.nullable(),
  official: z.boolean(),
  featured: z.boolean(),
  examples: z.array(z.string()),
  contextWindow: z.int().nullable(),
  maxOutputTokens: z.int().nullable(),
  providerRequestConfig: z.record(z.string(), z.unknown()).nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
const Prices = z.strictObject({
  version: z.literal(1),
  prices: z.array(
    z.strictObject({
      endpoint: z.string(),
      rateCard: z.discriminatedUnion('pricingMode', [
        z.strictObject({ pricingMode: z.literal('per_output'), pricePerOutput: decimal }),
        z.strictObject({ pricingMode: z.literal('per_output_second'), pricePerOutputSecond: decimal }),
        z.strictObject({
          pricingMode: z.literal('per_token'),
          tokenPricing: z.record(z.string(), z.unknown()),
        }),
      ]),
      pricingRules: z.unknown().nullable(),
      averageCost: decimal.nullable(),
      currency: z.literal('USD'),
    }),
  ),
  notFound: z.array(z.string()),
});

describe('the emulated ModelRunner answers as its specification says', () => {
  let emulators: Emulators;
  let emulator: Emulator;
  beforeAll(async () => {
    emulators = await startEmulators({ definitions: [modelrunnerEmulator] });
    emulator = emulators.of('modelrunner');
  });
  afterEach(() => emulator.reset());
  afterAll(() => emulators.close());

  const ask = async (
    path: string,
    { base = 'api', method = 'GET', json }: { base?: string; method?: string; json?: unknown } = {},
  ) => {
    const reply = await fetch(emulator.base(base) + path, {
      method,
      headers: {
        ...emulator.authorization(),
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    return { status: reply.status, body: (await reply.json()) as unknown };
  };
  const submit = async () => {
    const json = { prompt: 'x', metadata: { a: 'b' } };
    const { status, body } = await ask('/bytedance/sdxl-lightning-4step', { method: 'POST', json });
    return { status, queued: Queued.parse(body) };
  };

  it('to a list of models and of prices', async () => {
    const models = await ask('/models?limit=2', { base: 'platform' });
    const prices = await ask('/models/pricing?endpoint=bytedance/sdxl-lightning-4step', { base: 'platform' });

    expect(page(Model).safeParse(models.body).error).toBeUndefined();
    expect(Prices.safeParse(prices.body).error).toBeUndefined();
  });

  it('to a list by its filters, page by page, and to the featured set without pages [MR-11][MR-12]', async () => {
    const asked = (query: string) => ask(`/models?${query}`, { base: 'platform' });
    const aliases = async (query: string) =>
      page(Model)
        .parse((await asked(query)).body)
        .data.map(({ alias }) => alias);
    const featured = await ask('/models/featured', { base: 'platform' });

    expect(await aliases('category=text-to-image')).toEqual(['sdxl-lightning-4step']);
    expect(await aliases('outputModality=video&inputModality=text')).toEqual([
      'v2/image-to-video',
      'ray-flash',
    ]);
    expect(await aliases('capability=remove_background&featured=true')).toEqual(['remove-background']);
    expect(await aliases('search=lightning')).toEqual(['sdxl-lightning-4step']);
    expect(await aliases('limit=2&page=2')).toEqual(['llama', 'ray-flash']);
    expect(page(Model).parse((await asked('limit=2&page=2')).body)).toMatchObject({
      total: 5,
      totalPages: 3,
    });
    expect(
      z
        .array(Model)
        .parse(featured.body)
        .every((model) => model.featured),
    ).toBe(true);
  });

  it('to a batch of prices with those that it has, and names the others', async () => {
    const endpoints = ['luma/ray-flash', 'nobody/nothing', 'meta/llama'];
    const query = endpoints.map((endpoint) => `endpoint=${endpoint}`).join('&');

    const { body } = await ask(`/models/pricing?${query}`, { base: 'platform' });

    expect(Prices.parse(body).notFound).toEqual(['nobody/nothing']);
    expect(Prices.parse(body).prices.map(({ rateCard }) => rateCard.pricingMode)).toEqual([
      'per_output_second',
      'per_token',
    ]);
  });

  it('to a list of requests by status, model and page, newest first [MR-34][MR-35]', async () => {
    const ids = [await submit(), await submit(), await submit()].map(({ queued }) => queued.request_id);
    const asked = async (query: string) => page(RequestItem).parse((await ask(`/requests?${query}`)).body);

    const first = await asked('limit=2&modelEndpoint=bytedance/sdxl-lightning-4step');
    const second = await asked('limit=2&page=2&status=IN_QUEUE');

    expect(first.data.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(second).toMatchObject({ page: 2, total: 3, totalPages: 2, data: [{ id: ids[0] }] });
    expect((await ask('/requests?status=FAILED')).body).toMatchObject({ total: 0, data: [] });
  });

  it('to a request from its submit to its result, and keeps what it cost apart from that', async () => {
    const { status, queued } = await submit();
    const path = `/bytedance/sdxl-lightning-4step/requests/${queued.request_id}`;
    for (let looks = 0; looks < 4; looks++) Queued.parse((await ask(`${path}/status`)).body);

    expect(status).toBe(201);
    expect(Result.safeParse((await ask(path)).body).error).toBeUndefined();
    expect(RequestItem.safeParse((await ask(`/requests/${queued.request_id}`)).body).error).toBeUndefined();
    expect(
      page(RequestItem).safeParse((await ask('/requests?metadata={"a":"b"}')).body).error,
    ).toBeUndefined();
  });

  it('to a cancel with the state as it is', async () => {
    const { queued } = await submit();
    const path = `/bytedance/sdxl-lightning-4step/requests/${queued.request_id}/cancel`;

    const { body } = await ask(path, { method: 'PUT' });

    expect(Queued.parse(body).status).not.toBe('CANCELLED');
  });

  it('and has no list of requests where its other calls are', async () => {
    expect((await ask('/requests', { base: 'platform' })).status).toBe(404);
  });
});

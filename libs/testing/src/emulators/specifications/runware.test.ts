import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Emulator, type Emulators, runwareEmulator, startEmulators } from '../index.ts';

/** What the types of the official SDK (`@runware/sdk` 1.6) say of each reply; written from them, not from the adapter. */
const Model = z.looseObject({
  model: z.string(),
  air: z.string(),
  name: z.string(),
  creator: z.string(),
  capabilities: z.array(z.string()),
  status: z.string(),
  releasedAt: z.string(),
  weight: z.number(),
  headline: z.string(),
  description: z.string(),
  coverImage: z.string().optional(),
  pricingOverview: z.string().optional(),
  pricingExamples: z
    .array(
      z.strictObject({
        configuration: z.string(),
        price: z.string(),
        competitorPrice: z.string().optional(),
      }),
    )
    .optional(),
});
function pick<S extends z.ZodRawShape, K extends keyof S>(schema: z.ZodObject<S>, names: K[]): Pick<S, K> {
  // as: exactly those of its own shape.
  return Object.fromEntries(names.map((name) => [name, schema.shape[name]])) as Pick<S, K>;
}
const Example = z.strictObject({
  id: z.string(),
  title: z.string().optional(),
  model: z.string(),
  capability: z.string(),
  asset: z.string().nullish(),
  request: z.record(z.string(), z.unknown()),
  response: z.record(z.string(), z.unknown()),
});
const Account = z.object({
  data: z.tuple([
    z.looseObject({
      taskUUID: z.uuid(),
      balance: z.object({ amount: z.number(), freeBalance: z.number().optional(), currency: z.string() }),
    }),
  ]),
});
const Item = z.looseObject({
  taskType: z.string(),
  taskUUID: z.uuid(),
  status: z.enum(['processing', 'success', 'error']).optional(),
  cost: z.number().optional(),
});
const Reply = z.object({
  data: z.array(Item).optional(),
  errors: z.array(z.looseObject({ code: z.string(), message: z.string() })).optional(),
});

describe('the emulated Runware answers as the types of its SDK say', () => {
  let emulators: Emulators;
  let emulator: Emulator;
  beforeAll(async () => {
    emulators = await startEmulators({ definitions: [runwareEmulator] });
    emulator = emulators.of('runware');
  });
  afterAll(() => emulators.close());

  const read = async (path: string) => (await fetch(emulator.base('content') + path)).json();
  const send = async (task: object) => {
    const headers = { ...emulator.authorization(), 'content-type': 'application/json' };
    const reply = await fetch(emulator.base(), { method: 'POST', headers, body: JSON.stringify([task]) });
    return reply.json();
  };
  const taskUUID = '9dfa40d8-cfa3-4507-b7b8-0d0c99e7ea72';

  it('to a page of models, a model and its examples', async () => {
    const page = z.object({ total: z.int(), limit: z.int(), offset: z.int(), items: z.array(z.unknown()) });
    const { items } = page.parse(await read('/models?paginate=true&limit=2'));

    expect(z.array(Model).safeParse(items).error).toBeUndefined();
    expect(Model.safeParse(await read('/models/flux-schnell')).error).toBeUndefined();
    expect(
      z
        .array(Example)
        .min(1)
        .safeParse(await read('/models/flux-schnell/examples')).error,
    ).toBeUndefined();
  });

  it('to what is left', async () => {
    const task = { taskType: 'accountManagement', taskUUID, operation: 'getDetails' };

    expect(Account.safeParse(await send(task)).error).toBeUndefined();
  });

  it('to a task from its submit to its results', async () => {
    const task = { taskType: 'imageInference', taskUUID, model: 'runware:100@1', positivePrompt: 'a boat' };
    const taken = Reply.parse(await send({ ...task, deliveryMethod: 'async', includeCost: true }));
    const seen = [];
    for (let looks = 0; looks < 4; looks++)
      seen.push(Reply.parse(await send({ taskType: 'getResponse', taskUUID })));

    expect(taken.data).toEqual([{ taskType: 'imageInference', taskUUID }]);
    expect(seen.at(-1)?.data?.[0]).toMatchObject({ status: 'success', imageURL: expect.any(String) });
  });

  it('to the taxonomy, the registry, and the price and the creators of models', async () => {
    const ids = z.array(z.strictObject({ id: z.string(), label: z.string() })).min(1);
    const pricing = z.strictObject({
      ...pick(Model, ['model', 'air', 'name', 'status', 'pricingOverview', 'pricingExamples']),
      coverImage: z.string(),
      releasedAt: z.string().optional(),
      category: z.array(z.string()),
    });
    const creators = z.array(z.looseObject({ id: z.string(), name: z.string(), models: z.array(Model) }));
    const registry = z.object({
      version: z.string(),
      models: z.record(z.string(), z.strictObject({ taskType: z.string(), id: z.string() })),
      architectureTaskTypes: z.record(z.string(), z.string()),
      modalityTaskTypes: z.record(z.string(), z.string()),
    });

    expect(ids.safeParse(await read('/capabilities')).error).toBeUndefined();
    expect(pricing.safeParse(await read('/models/flux-schnell/pricing')).error).toBeUndefined();
    expect(creators.safeParse(await read('/creators')).error).toBeUndefined();
    const known = await (await fetch(`${emulator.base('schemas')}/registry.json`)).json();
    expect(registry.safeParse(known).error).toBeUndefined();
  });

  it('to a list without a page, filtered', async () => {
    const found = z.array(Model).parse(await read('/models?creator=xai&capability=io:text-to-image'));

    expect(found.map(({ creator }) => creator)).toEqual(['xai', 'xai']);
  });

  it('to a search for models, an upload of one, and media that is stored and deleted', async () => {
    const category = z.enum(['checkpoint', 'lora', 'lycoris', 'vae', 'embeddings']);
    const found = z.looseObject({
      air: z.string(),
      name: z.string(),
      category,
      architecture: z.string().nullable(),
      capabilities: z.array(z.string()),
      source: z.enum(['featured', 'community']),
      heroImage: z.string().nullable(),
      private: z.boolean(),
    });
    const one = <T extends z.ZodRawShape>(shape: T) =>
      z.object({ data: z.tuple([z.looseObject({ taskUUID: z.uuid(), ...shape })]) });
    const search = one({ totalResults: z.number(), results: z.array(found).min(1) });
    const upload = one({
      status: z.enum(['validated', 'downloaded', 'optimized', 'stored', 'ready', 'failed']),
      message: z.string(),
      air: z.string().optional(),
    });
    const media = one({ operation: z.enum(['upload', 'delete']), mediaUUID: z.string() });
    const weights = {
      category: 'lora',
      architecture: 'sdxl',
      format: 'safetensors',
      name: 'n',
      version: '1',
    };
    const link = { downloadURL: 'https://example.com/x.safetensors' };
    const storage = { taskType: 'mediaStorage', taskUUID };

    const searched = await send({ taskType: 'modelSearch', taskUUID, search: 'xl' });
    const uploaded = await send({ taskType: 'modelUpload', taskUUID, ...weights, ...link });
    const stored = media.parse(await send({ ...storage, operation: 'upload', media: 'aGVsbG8=' }));
    const { mediaUUID } = stored.data[0];

    expect(search.safeParse(searched).error).toBeUndefined();
    expect(upload.safeParse(uploaded).error).toBeUndefined();
    expect(stored.data[0]).toMatchObject({ mediaURL: expect.any(String) });
    expect(media.parse(await send({ ...storage, operation: 'delete', media: mediaUUID })).data[0]).toEqual({
      ...storage,
      operation: 'delete',
      mediaUUID,
    });
  });

  it('to the archive of tasks with what was sent and what was answered', async () => {
    const taskUUID = '11111111-1111-4111-8111-111111111111';
    const task = { taskType: 'imageInference', taskUUID, model: 'runware:100@1', positivePrompt: 'a boat' };
    const made = await send({ ...task, deliveryMethod: 'sync', includeCost: true });
    const details = z.object({
      data: z.tuple([
        z.strictObject({
          taskType: z.literal('getTaskDetails'),
          taskUUID: z.uuid(),
          request: z.array(z.looseObject({ taskType: z.string() })),
          response: z.object({ data: z.array(Item) }),
        }),
      ]),
    });

    const kept = details.parse(await send({ taskType: 'getTaskDetails', taskUUID }));

    expect(kept.data[0].request).toEqual([{ ...task, deliveryMethod: 'sync', includeCost: true }]);
    expect(kept.data[0].response.data[0]).toMatchObject({ imageURL: Object(made).data[0].imageURL });
  });
});

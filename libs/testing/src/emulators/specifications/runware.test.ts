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
});

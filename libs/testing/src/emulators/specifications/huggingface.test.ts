import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { huggingfaceEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the official client (@huggingface/inference 4.13) reads of each reply; written from it, not from the adapter. */
const served = { providerId: z.string(), status: z.enum(['live', 'staging']), task: z.string() };
const Model = z.object({
  id: z.string(),
  pipeline_tag: z.string(),
  inferenceProviderMapping: z.union([
    z.record(z.string(), z.looseObject(served)),
    z.array(z.looseObject({ provider: z.string(), ...served })),
  ]),
});
const Queued = z.object({
  request_id: z.string(),
  status: z.literal('IN_QUEUE'),
  response_url: z.url(),
  status_url: z.url(),
  cancel_url: z.url(),
});
const Status = z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']) });
const Prediction = z.object({
  id: z.string(),
  status: z.enum(['starting', 'processing', 'succeeded', 'failed', 'canceled']),
  output: z.unknown(),
  urls: z.object({ get: z.url() }),
});
const Wave = z.object({
  code: z.literal(200),
  message: z.string(),
  data: z.object({
    id: z.string(),
    model: z.string(),
    status: z.enum(['created', 'processing', 'completed', 'failed']),
    outputs: z.array(z.string()),
    urls: z.object({ get: z.url() }),
  }),
});

describe('the emulated Hugging Face answers as its client reads', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(huggingfaceEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const follow = async <T>(schema: z.ZodType<T>, path: string) => {
    const seen: T[] = [];
    for (let looks = 0; looks < 4; looks++) seen.push(schema.parse((await platform.ask(path)).body));
    return seen.at(-1);
  };

  it('to a list of models, and to one with who serves it', async () => {
    const list = await platform.ask('/api/models?pipeline_tag=text-to-image', { base: 'hub' });
    const one = await platform.ask('/api/models/black-forest-labs/FLUX.1-dev', { base: 'hub' });

    expect(z.array(Model).min(1).safeParse(list.body).error).toBeUndefined();
    expect(Model.safeParse(one.body).error).toBeUndefined();
  });

  it('to a run at fal, whose addresses are below the router by their paths', async () => {
    const { body } = await platform.ask('/fal-ai/fal-ai/flux/dev?_subdomain=queue', {
      json: { prompt: 'x' },
    });
    const { pathname } = new URL(Queued.parse(body).response_url);

    expect(await follow(Status, `/fal-ai${pathname}/status?_subdomain=queue`)).toMatchObject({
      status: 'COMPLETED',
    });
    const Result = z.object({ images: z.array(z.object({ url: z.url() })).min(1) });
    const result = await platform.ask(`/fal-ai${pathname}?_subdomain=queue`);
    expect(Result.safeParse(result.body).error).toBeUndefined();
  });

  it('to a run at Replicate and one at WaveSpeed', async () => {
    const json = { input: { prompt: 'x' } };
    const at = '/replicate/v1/models/black-forest-labs/flux-dev/predictions';
    const { id } = Prediction.parse((await platform.ask(at, { json })).body);
    const wave = await platform.ask('/wavespeed/api/v3/wavespeed-ai/flux-dev', { json: { prompt: 'x' } });
    const waveId = Wave.parse(wave.body).data.id;

    expect(await follow(Prediction, `/replicate/v1/predictions/${id}`)).toMatchObject({
      status: 'succeeded',
    });
    const done = await follow(Wave, `/wavespeed/api/v3/predictions/${waveId}/result`);
    expect(done?.data).toMatchObject({ status: 'completed', outputs: [expect.any(String)] });
  });

  it('to vectors of a text with their numbers alone', async () => {
    const path = '/hf-inference/models/intfloat/multilingual-e5-large/pipeline/feature-extraction';
    const { body } = await platform.ask(path, { json: { inputs: 'a' } });

    expect(z.array(z.number()).min(1).safeParse(body).error).toBeUndefined();
  });
});

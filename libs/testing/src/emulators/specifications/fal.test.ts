import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { falEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the types of the official client (1.10) say of each reply; written from them, not from the adapter. */
const about = { request_id: z.uuid(), response_url: z.url(), status_url: z.url(), cancel_url: z.url() };
const Line = z.strictObject({
  message: z.string(),
  level: z.enum(['STDERR', 'STDOUT', 'ERROR', 'INFO', 'WARN', 'DEBUG']),
  source: z.literal('USER'),
  timestamp: z.iso.datetime(),
});
const Queued = z.strictObject({ status: z.literal('IN_QUEUE'), queue_position: z.int(), ...about });
const Status = z.union([
  Queued,
  z.strictObject({ status: z.literal('IN_PROGRESS'), logs: z.array(Line), ...about }),
  z.strictObject({
    status: z.literal('COMPLETED'),
    logs: z.array(Line),
    metrics: z.object({ inference_time: z.number().nullable() }).optional(),
    ...about,
  }),
]);
const File = z.strictObject({
  url: z.url(),
  content_type: z.string(),
  file_name: z.string(),
  file_size: z.int(),
});
const Models = z.strictObject({
  models: z.array(z.object({ endpoint_id: z.string(), metadata: z.object({ category: z.string() }) })).min(1),
  next_cursor: z.string().nullable(),
  has_more: z.boolean(),
});
const Prices = z.object({
  prices: z
    .array(
      z.object({
        endpoint_id: z.string(),
        unit_price: z.number(),
        unit: z.string(),
        currency: z.string(),
      }),
    )
    .min(1),
});
const Faults = z.object({
  detail: z.array(
    z.object({ msg: z.string(), loc: z.array(z.union([z.string(), z.number()])), type: z.string() }),
  ),
});

describe('the emulated fal answers as the types of its client say', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(falEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const submit = async () => {
    const { body } = await platform.ask('/fal-ai/flux/schnell', { json: { prompt: 'a boat' } });
    return Queued.parse(body);
  };

  it('to a request from its submit to its result', async () => {
    const { status_url: at, response_url: result } = await submit();
    const seen = [];
    for (let looks = 0; looks < 4; looks++) seen.push(await platform.ask(`${at}?logs=1`));

    expect(seen.map(({ body }) => Status.safeParse(body).error)).toEqual([...seen].fill(undefined as never));
    // The state is told by the status of the reply as well.
    expect(seen[0]?.status).toBe(202);
    expect(seen.at(-1)).toMatchObject({ status: 200, body: { status: 'COMPLETED' } });
    const { body } = await platform.ask(result);
    expect(z.object({ images: z.array(File).min(1) }).safeParse(body).error).toBeUndefined();
  });

  it('to a model that refused its input, where the result would be', async () => {
    platform.emulator.script({ states: ['failed'], failWith: { kind: 'content', message: 'no' } });
    const { status_url: at, response_url: result } = await submit();
    const { body: status } = await platform.ask(at);
    const { status: code, body } = await platform.ask(result);

    // There is no state of a failure.
    expect(Status.parse(status).status).toBe('COMPLETED');
    expect([code, Faults.safeParse(body).error]).toEqual([422, undefined]);
  });

  it('to lists of models and prices', async () => {
    const models = await platform.ask('/models?limit=2', { base: 'platform' });
    const prices = await platform.ask('/models/pricing?endpoint_id=fal-ai/flux/schnell', {
      base: 'platform',
    });

    expect(Models.safeParse(models.body).error).toBeUndefined();
    expect(Prices.safeParse(prices.body).error).toBeUndefined();
  });

  it('to an upload, and with a key set', async () => {
    const json = { content_type: 'image/png', file_name: 'a.png' };
    const path = '/storage/upload/initiate?storage_type=fal-cdn-v3';
    const Upload = z.strictObject({ upload_url: z.url(), file_url: z.url() });
    const Keys = z.object({
      keys: z.array(z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() })).min(1),
    });

    expect(Upload.safeParse((await platform.ask(path, { base: 'rest', json })).body).error).toBeUndefined();
    const keys = await platform.ask('/.well-known/jwks.json', { base: 'rest' });
    expect(Keys.safeParse(keys.body).error).toBeUndefined();
  });
});

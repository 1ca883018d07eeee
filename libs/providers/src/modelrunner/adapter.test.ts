import { modelrunnerEmulator, modelrunnerWebhookSecret } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ContractSubject,
  describeAdapter,
  type StandIn,
  standardWebhook,
  startStandIn,
  World,
} from '../contract-suite/index.ts';
import { modelrunner } from './definition.ts';

const sdxl = { nativeId: 'bytedance/sdxl-lightning-4step', input: { prompt: 'a lighthouse' } };

const subject: ContractSubject = {
  definition: modelrunner,
  emulator: modelrunnerEmulator,
  samples: {
    happy: { ...sdxl, outputs: ['image'] },
    several: { ...sdxl, outputs: ['image', 'image', 'image'] },
  },
  trap(emulator) {
    emulator.quirks.add('failed_as_completed');
    emulator.script({ states: ['running', 'failed'] });
  },
  webhook(emulator, how) {
    const id = [...emulator.jobs.keys()].at(-1);
    const body = { id, status: 'COMPLETED', event: 'completed', billingStatus: 'charged' };
    return standardWebhook(emulator, { body, secret: modelrunnerWebhookSecret, how });
  },
};

describeAdapter(subject);

describe('what is special at ModelRunner', () => {
  let world: World;
  let stand: StandIn;
  beforeAll(async () => {
    world = await World.open(subject);
    stand = await startStandIn();
  });
  afterEach(() => world.emulator.reset());
  afterAll(async () => {
    await stand.close();
    await world.close();
  });

  it.each([[false], [true]])('sees a failed request (told with 200: %s) [MRD-03]', async (is200) => {
    if (is200) world.emulator.quirks.add('failed_200');
    world.emulator.script({ states: ['failed'], failWith: { kind: 'generate', message: 'no luck' } });

    const end = (await world.run()).at(-1);

    expect(end).toMatchObject({ status: 'failed', error: { code: 'generate_failed', message: 'no luck' } });
  });

  it('sends our id along, and never as an input of the model [MRD-02]', async () => {
    await world.submit();

    const [job] = [...world.emulator.jobs.values()];
    expect(job?.input).toEqual(sdxl.input);
    expect(job?.extra.metadata).toEqual({ inferry_run: expect.stringMatching(/^run_/) });
  });

  it('sends as many tags of the caller along as there is room for beside our id [MRD-02]', async () => {
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`tag${at}`, String(at)]));

    await world.submit({ ...sdxl, outputs: ['image'], tags: { ...tags, inferry_run: 'forged' } });

    const [job] = [...world.emulator.jobs.values()];
    const sent = Object(job?.extra.metadata) as Record<string, string>;
    expect(Object.keys(sent)).toHaveLength(16);
    expect(sent).toMatchObject({ tag0: '0', tag14: '14', inferry_run: expect.stringMatching(/^run_/) });
  });

  it('keeps the schema of a model as the platform wrote it beside the portable one [MR-16]', async () => {
    const model = await world.provider.describeModel?.(sdxl.nativeId, world.context());

    expect(model?.nativeSchema).toEqual({
      type: 'object',
      required: ['prompt'],
      properties: {
        prompt: { type: 'string', title: 'Prompt', 'x-order': 0 },
        num_outputs: { type: 'integer', minimum: 1, maximum: 4, default: 1, 'x-order': 1 },
        metadata: { type: 'object' },
      },
    });
  });

  it('lists the curated set in its own order, and knows models by the id that wrappers have [MR-12]', async () => {
    const listed = await world.provider.listModels(world.context());
    const models = listed === 'unchanged' ? [] : listed.models;
    const featured = models.filter((model) => model.isFeatured).sort((a, b) => b.weight - a.weight);

    expect(featured.map(({ nativeId }) => nativeId)).toEqual([
      'bria/remove-background',
      'luma/ray-flash',
      'bytedance/sdxl-lightning-4step',
    ]);
    expect(featured[2]?.aliases).toEqual(['00000000-0000-4000-8000-000000000001']);
  });

  it('offers no fields that are the platform\u2019s own, and no language models', async () => {
    const model = await world.provider.describeModel?.(sdxl.nativeId, world.context());
    const listed = await world.provider.listModels(world.context());

    expect(Object.keys(Object(model?.inputSchema.properties))).toEqual(['prompt', 'num_outputs']);
    expect(model?.price.text).toBe('$0.0042 a run on average, per output');
    expect(model && world.provider.quote(model, { prompt: 'x', num_outputs: 3 })).toMatchObject({
      min: 0.0126,
      max: 0.0126,
      exact: true,
    });
    expect(model?.examples).toMatchObject([{ input: { prompt: 'a lighthouse at dusk' }, cost: 0.0042 }]);
    expect(listed === 'unchanged' ? [] : listed.models.map(({ nativeId }) => nativeId)).toEqual([
      'bria/remove-background',
      'bytedance/sdxl-lightning-4step',
      'kling/v2/image-to-video',
      'luma/ray-flash',
    ]);
  });

  it('puts a file of ours into its storage [MRD-01]', async () => {
    const bytes = Buffer.from('a picture');
    const url = world.emulator.keepFile(bytes, 'image/png');
    const files = { image: { url, contentType: 'image/png', bytes: bytes.length } };

    const input = { prompt: 'waves', image: url };
    await world.submit({ nativeId: 'kling/v2/image-to-video', input, files, outputs: ['video'] });

    const sent = [...world.emulator.jobs.values()].at(-1)?.input.image;
    expect(world.emulator.files.get(String(sent).split('/').at(-1) ?? '')?.bytes).toEqual(bytes);
    expect(world.emulator.violations).toEqual([]);
  });

  it('lists what it knows of a model in its own words, and loses an entry that it cannot read alone', async () => {
    const told: unknown[] = [];
    const provider = await modelrunner.create({
      slug: 'modelrunner',
      title: 'ModelRunner',
      capabilities: modelrunner.capabilities,
      bases: { api: 'http://127.0.0.1:1', platform: `${stand.url}` },
      allowPrivateHosts: false,
      settings: {},
      log: { warn: (fields) => told.push(fields) },
      now: Date.now,
      random: Math.random,
    });
    const good = { ownerName: 'acme', alias: 'draw', tags: 7, averageCost: 'much', featured: 'yes' };
    stand.answer = { page: 1, totalPages: 1, data: [{ owner: 'acme', alias: 'old' }, null, good] };

    const listed = await provider.listModels(world.context());
    await provider.listModels(world.context());
    await provider.close();

    expect(listed === 'unchanged' ? [] : listed.models.map(({ nativeId }) => nativeId)).toEqual([
      'acme/draw',
    ]);
    expect(told).toEqual([
      { provider: 'modelrunner', name: 'old', reason: expect.stringContaining('ownerName') },
      { provider: 'modelrunner', name: 'entry 2', reason: expect.any(String) },
    ]);
  });

  it('says what a run was charged, and what a failed one was', async () => {
    expect((await world.run()).at(-1)).toMatchObject({ charged: { amount: 0.0042, currency: 'USD' } });

    world.emulator.quirks.add('failed_as_completed');
    world.emulator.script({ states: ['failed'] });
    expect((await world.run()).at(-1)).toMatchObject({ status: 'failed', charged: { amount: 0 } });
  });

  it('says that a model cannot be cancelled [MRD-03]', async () => {
    world.emulator.script({ states: ['running'] });
    const { handle } = await world.submit();

    expect(await world.provider.cancel(handle, world.context())).toBe('unsupported');
  });

  it('says that some outputs are missing where the bill does', async () => {
    world.emulator.script({ outputs: 2, failedOutputs: 1 });

    expect((await world.run()).at(-1)).toMatchObject({ status: 'succeeded', isPartial: true });
  });
});

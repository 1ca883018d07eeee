import { runwareEmulator } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { World } from '../contract-suite/index.ts';
import type { Provider } from '../provider.ts';
import { runware } from './definition.ts';
import { taskUuidOf } from './task-id.ts';

const flux = {
  nativeId: 'runware:100@1',
  input: { positivePrompt: 'a lighthouse', width: 512, height: 512 },
};
const happy = { ...flux, outputs: ['image' as const] };
const subject = { definition: runware, emulator: runwareEmulator, samples: { happy } };

/** What every provider may have, and this one has. */
type ProviderServices = Required<
  Pick<
    Provider,
    | 'listCapabilities'
    | 'readRecord'
    | 'searchCommunity'
    | 'describeUnlisted'
    | 'uploadModel'
    | 'storeMedia'
    | 'deleteMedia'
    | 'readTask'
    | 'readAccount'
  >
>;

describe('Runware beside its models', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  const tasks = () =>
    // as: every call has a list of tasks.
    world.emulator.requests.flatMap(({ body }) => (Array.isArray(body) ? (body as object[]) : []));
  const provider = () => world.provider;
  const call = <K extends keyof ProviderServices>(name: K): ProviderServices[K] => {
    const method = provider()[name];
    if (method === undefined) throw new Error(`no ${name}`);
    // as: a method of the provider, bound to it.
    return method.bind(provider()) as ProviderServices[K];
  };
  const task = (taskType: string) =>
    tasks().filter((sent) => 'taskType' in sent && sent.taskType === taskType);

  it('tells its taxonomy with its own labels', async () => {
    const found = await call('listCapabilities')(world.context());

    expect(found).toContainEqual({ id: 'io:text-to-image', label: 'Text to image' });
    expect(found.map(({ id }) => id.split(':')[0])).toEqual(expect.arrayContaining(['io', 'op', 'form']));
  });

  it('gives its own records of a model, and nothing for one that it does not have', async () => {
    const read = call('readRecord');
    const of = (part: 'about' | 'examples' | 'prices', nativeId = 'runware:srpo@1') =>
      read({ nativeId, part }, world.context());

    expect(await of('about')).toMatchObject({ weight: 50, coverImage: 'https://example.com/cover.png' });
    expect(await of('prices')).toMatchObject({
      pricingExamples: [{ configuration: '1024x1024 · 28 steps', price: '$0.0038' }],
    });
    expect(await of('examples')).toHaveLength(3);
    expect(
      await read({ nativeId: 'runware:srpo@1', part: 'examples', capability: 'op:upscale' }, world.context()),
    ).toEqual([]);
    expect(await of('about', 'nope:1@1')).toBeUndefined();
    expect(await of('prices', 'nope:1@1')).toBeUndefined();
  });

  it('keeps the schema of a model as the platform wrote it', async () => {
    const model = await world.provider.describeModel?.(flux.nativeId, world.context());

    expect(Object(model?.nativeSchema?.properties)).toHaveProperty('outputType');
    expect(model?.nativeSchema).toHaveProperty('unevaluatedProperties', false);
  });

  it('finds models of the community, which no list has', async () => {
    const found = await call('searchCommunity')(
      { search: 'juggernaut', category: 'checkpoint' },
      world.context(),
    );

    expect(found).toEqual({
      total: 1,
      models: [
        {
          nativeId: 'civitai:133005@782002',
          name: 'Juggernaut XL',
          version: 'X',
          category: 'checkpoint',
          architecture: 'sdxl',
          tags: ['photo', 'xl'],
        },
      ],
    });
    expect(world.emulator.violations).toEqual([]);
  });

  it('describes and runs a model of the community by its AIR', async () => {
    const nativeId = 'civitai:133005@782002';
    const model = await call('describeUnlisted')(nativeId, {}, world.context());
    const views = await world.run({
      nativeId,
      input: { positivePrompt: 'a fox' },
      outputs: ['image'],
      options: { task_type: 'imageInference' },
    });

    expect(model).toMatchObject({ title: 'Juggernaut XL X', inputSchema: { additionalProperties: true } });
    expect(views.at(-1)).toMatchObject({ status: 'succeeded', outputs: [{ kind: 'image' }] });
  });

  it('takes nothing for a model that nobody knows, and its caller\u2019s word where there is one', async () => {
    const describe = call('describeUnlisted');

    expect(await describe('not an air', {}, world.context())).toBeUndefined();
    expect(await describe('civitai:1@1', {}, world.context())).toBeUndefined();
    expect(await describe('civitai:1@1', { task_type: 'imageInference' }, world.context())).toMatchObject({
      nativeId: 'civitai:1@1',
      price: { basis: 'unknown' },
    });
  });

  it('sends an upload of weights once', async () => {
    const weights = {
      category: 'lora',
      architecture: 'sdxl',
      format: 'safetensors',
      name: 'Mine',
      version: '1',
      downloadURL: 'https://example.com/mine.safetensors',
    };

    const answer = await call('uploadModel')(weights, world.context());
    world.emulator.script({ on: ['other'], failFirst: { times: 1 } });
    const failed = call('uploadModel')(weights, world.context());

    await expect(failed).rejects.toMatchObject({ code: 'upstream_unavailable' });
    expect(answer).toMatchObject({ status: 'validated', air: 'mine:mine@1' });
    expect(task('modelUpload')).toHaveLength(2);
  });

  it('stores media by link, data URI and base64, and deletes it', async () => {
    const store = call('storeMedia');
    const base64 = Buffer.from('a picture').toString('base64');

    const stored = await store(`data:image/png;base64,${base64}`, world.context());
    const linked = await store('https://example.com/a.png', world.context());
    const gone = await call('deleteMedia')(stored.id, world.context());

    expect(stored).toMatchObject({
      url: expect.stringContaining(stored.id),
      record: { operation: 'upload' },
    });
    expect(linked.id).not.toBe(stored.id);
    expect(gone).toMatchObject({ id: stored.id, record: { operation: 'delete' } });
    await expect(call('deleteMedia')(stored.id, world.context())).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('tells what was asked and answered of a task, and that there is none', async () => {
    const { handle } = await world.submit();
    const [view] = (await world.follow(handle)).slice(-1);

    const found = await call('readTask')(String(handle.uuid), world.context());

    expect(found).toMatchObject({
      taskType: 'getTaskDetails',
      taskUUID: handle.uuid,
      request: [{ taskType: 'imageInference', positivePrompt: 'a lighthouse' }],
      response: { data: [{ imageURL: view?.outputs?.[0]?.url, cost: 0.0013, seed: 7 }] },
    });
    expect(await call('readTask')(taskUuidOf('run_none'), world.context())).toBeUndefined();
  });

  it('tells the account to whoever holds its key', async () => {
    expect(await call('readAccount')(world.context())).toMatchObject({
      organizationName: 'Emulated Pictures',
      balance: { amount: 12.5 },
      team: [{ name: 'Ada' }],
    });
  });

  it.each(['base64Data', 'dataURI'])('makes a file of a result that comes as %s', async (output_type) => {
    const views = await world.run({ ...flux, outputs: ['image'], options: { output_type } });

    expect(views.at(-1)?.outputs).toMatchObject([{ kind: 'image', contentType: 'image/png' }]);
    expect(views.at(-1)?.outputs?.[0]?.bytes?.byteLength).toBeGreaterThan(0);
  });

  it('says of a task what the caller wants of the platform, and no webhook of ours beside theirs', async () => {
    const options = {
      media_ttl: 60,
      upload_endpoint: 'https://example.com/put',
      webhook_url: 'https://example.com/hook',
    };
    const { webhookUrl: _none, ...request } = { ...world.request(happy), options };

    await world.provider.submit({ ...request, webhookUrl: 'https://ours.example/hooks/1' }, world.context());

    expect(task('imageInference').at(-1)).toMatchObject({
      ttl: 60,
      uploadEndpoint: 'https://example.com/put',
      webhookURL: 'https://example.com/hook',
    });
  });
});

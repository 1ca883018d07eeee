import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { comfyuiEmulator } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractSubject, describeAdapter, refusalOf, World } from '../contract-suite/index.ts';
import type { JobView } from '../provider.ts';
import { comfyui } from './definition.ts';

const picture = { nativeId: 'text-to-image', input: { prompt: 'a lighthouse' } };

const subject: ContractSubject = {
  definition: comfyui,
  emulator: comfyuiEmulator,
  samples: {
    happy: { ...picture, outputs: ['image'] },
    several: { ...picture, outputs: ['image', 'image', 'image'] },
  },
  trap: (emulator) => emulator.quirks.add('empty_outputs'),
};

describeAdapter(subject);

describe('what is special at ComfyUI', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  const graphs = () =>
    [...world.emulator.jobs.values()].map(({ input }) => JSON.parse(JSON.stringify(input)));

  it('deletes what its history keeps of a job, twice like once', async () => {
    const { handle } = await world.submit();
    await world.follow(handle);

    await world.provider.deletePayload?.(handle, world.context());
    await world.provider.deletePayload?.(handle, world.context());

    expect(world.emulator.jobs.has(String(handle.id))).toBe(false);
  });

  it('puts values where the workflow is marked, keeps the rest, and draws a seed', async () => {
    await world.submit({ ...picture, input: { prompt: 'waves', steps: 4, count: 2 }, outputs: [] });

    const [graph] = graphs();
    expect(graph['6'].inputs.text).toBe('waves');
    expect(graph['3'].inputs).toMatchObject({ steps: 4, cfg: 7, seed: 2 ** 47, model: ['4', 0] });
    expect(graph['5'].inputs).toEqual({ width: 1024, height: 1024, batch_size: 2 });
  });

  it('uploads a file once, and names it as the server does', async () => {
    const url = world.emulator.keepFile(Buffer.from('a picture'), 'image/png');
    const files = { image: { url, contentType: 'image/png', bytes: 9 } };
    const sample = { nativeId: 'enlarge-image', input: { image: url, scale: 4 }, files, outputs: [] };

    await world.submit(sample);
    await world.submit(sample);

    const names = graphs().map((graph) => graph['1'].inputs.image);
    expect(names[0]).toMatch(/^inferry\/[0-9a-f]{32}\.png$/);
    expect(names[1]).toBe(names[0]);
    expect(world.emulator.violations).toEqual([]);
  });

  it('follows a job by its socket: progress grows, a preview comes, the outputs are last', async () => {
    const { handle } = await world.submit();
    const views: JobView[] = [];

    for await (const view of world.provider.watch?.(handle, world.context()) ?? []) views.push(view);

    const progress = views.map((view) => view.progress).filter((value) => value !== undefined);
    expect(progress).toEqual([...progress].sort((left, right) => left - right));
    expect(
      views.some(({ status, outputs }) => status === 'running' && outputs?.[0]?.bytes !== undefined),
    ).toBe(true);
    expect(views.at(-1)).toMatchObject({ status: 'succeeded', outputs: [{ kind: 'image' }] });
  });

  it.each([['untyped_progress'], ['no_status']])('follows a server with the quirk %s', async (quirk) => {
    world.emulator.quirks.add(quirk);
    const { handle } = await world.submit();
    const views: JobView[] = [];

    for await (const view of world.provider.watch?.(handle, world.context()) ?? []) views.push(view);

    expect(views.at(-1)?.status).toBe('succeeded');
    expect(views.some(({ progress = 0 }) => progress > 0)).toBe(true);
  });

  it('finds a job of an older server, which gives it an id of its own', async () => {
    world.emulator.quirks.add('own_ids');
    const request = world.request(subject.samples.happy);
    const { handle } = await world.provider.submit(request, world.context());

    const recovery = await world.provider.recover({ ...request, submittedAt: '' }, world.context());

    expect(recovery).toMatchObject({ outcome: 'found', handle: { id: handle.id } });
  });

  it('takes a waiting job out of the queue', async () => {
    const { handle } = await world.submit();

    expect(await world.provider.cancel(handle, world.context())).toBe('confirmed');
    expect(world.emulator.jobs.size).toBe(0);
    expect(await world.provider.cancel(handle, world.context())).toBe('too_late');
  });

  it('needs no key of a server that asks for none, and gives outputs by their address then', async () => {
    world.emulator.quirks.add('open');
    const context = { signal: AbortSignal.timeout(10_000) };
    world.emulator.script({ states: ['succeeded'] });

    const { handle } = await world.provider.submit(world.request(subject.samples.happy), context);
    const view = await world.provider.poll(handle, context);

    expect(view.outputs?.[0]?.url).toContain('/comfyui/view?filename=ComfyUI_');
    expect(world.emulator.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
  });

  it('says which input of which node is refused', async () => {
    const error = await world.refusedSubmit(undefined, {
      ...picture,
      input: { prompt: 'x', steps: 0 },
      outputs: [],
    });

    expect(error.code).toBe('validation_failed');
    expect(error.details?.errors).toMatchObject([
      { path: 'KSampler.steps', message: expect.stringContaining('min') },
    ]);
  });

  it.each([['../secret'], ['none'], ['a/b/c/d/e'], ['.hidden']])('knows no workflow %s', async (nativeId) => {
    const error = await refusalOf(() => world.submit({ nativeId, input: {}, outputs: [] }));

    expect(error.code).toBe('model_not_found');
    expect(world.submissions()).toBe(0);
  });
});

describe('a folder of workflows', () => {
  let folder: string;
  let world: World;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'inferry-workflows-'));
    await mkdir(join(folder, 'portraits'));
    const save = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
    const node = (classType: string, inputs: object, title: string) => ({
      class_type: classType,
      inputs,
      _meta: { title },
    });
    await save('portraits/studio.json', {
      '1': node('LoadImage', { image: 'example.png' }, 'Input: face*'),
      '2': node('SaveImage', { images: ['1', 0], filename_prefix: 'a' }, 'Save'),
    });
    await save('portraits/studio.meta.json', {
      summary: 'Image to image.',
      inputs: { prefix: { node: '2', field: 'filename_prefix', description: 'How files begin.' } },
    });
    await save('lacking.json', {
      '1': node('FancyNode', { text: 'x' }, 'input: text'),
      '2': node('CheckpointLoaderSimple', { ckpt_name: 'mine.safetensors' }, 'Loader'),
    });
    await save('editor-format.json', { nodes: [], links: [] });
    await writeFile(join(folder, 'broken.json'), '{');
    world = await World.open({ ...subject, settings: { COMFYUI_WORKFLOWS: folder } });
  });
  afterAll(async () => {
    await world.close();
    await rm(folder, { recursive: true });
  });

  it('is a catalog: a model for each file that is a workflow, and nothing for the others', async () => {
    const listed = await world.provider.listModels(world.context());
    const models = listed === 'unchanged' ? [] : listed.models;

    expect(models.map(({ nativeId, isLive }) => [nativeId, isLive])).toEqual([
      ['lacking', false],
      ['portraits/studio', true],
    ]);
    expect(models[0]?.readme).toContain(
      'the node FancyNode is not installed; ckpt_name has no mine.safetensors',
    );
    expect(models[1]).toMatchObject({
      title: 'Studio',
      kind: 'solution',
      capabilities: expect.arrayContaining(['io:image-to-image', 'form:workflow']),
      inputSchema: {
        required: ['face'],
        properties: {
          face: { 'x-inferry-file': 'image' },
          prefix: { type: 'string', default: 'a', description: 'How files begin.' },
        },
      },
    });
  });

  it('says which setting is wrong when the folder is not there', async () => {
    const other = await World.open({ ...subject, settings: { COMFYUI_WORKFLOWS: join(folder, 'none') } });

    const error = await refusalOf(() => other.provider.listModels(other.context()));
    await other.close();

    expect(error.message).toContain('COMFYUI_WORKFLOWS');
  });

  it('follows a file that changes', async () => {
    const listed = await world.provider.listModels(world.context());
    const etag = listed === 'unchanged' ? undefined : listed.etag;
    await writeFile(join(folder, 'portraits', 'studio.meta.json'), '{"summary": "Another one."}');

    expect(await world.provider.listModels(world.context(), etag)).not.toBe('unchanged');
  });
});

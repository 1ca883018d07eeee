// Servers with odd nodes, results with odd parts, folders with odd files: each loses itself and nothing beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandIn, startStandIn } from '../contract-suite/index.ts';
import type { Provider } from '../provider.ts';
import { comfyui } from './definition.ts';

const graph = {
  3: {
    class_type: 'Draw',
    inputs: { seed: 5, text: 'a boat' },
    _meta: { title: 'input: prompt=text*, seed' },
  },
  4: { class_type: 'SaveImage', inputs: { images: ['3', 0] } },
};
const nodes = {
  Draw: { input: { required: { seed: ['INT', { min: 0, max: 2 ** 64 }], text: ['STRING', {}] } } },
  SaveImage: { input: { required: { images: ['IMAGE'] } } },
};

let stand: StandIn;
let folder: string;
let provider: Provider;
let told: { name?: unknown; reason?: unknown; id?: unknown }[];
let info: string;
let history: string;
const context = { signal: AbortSignal.timeout(60_000) };

beforeAll(async () => {
  stand = await startStandIn();
  stand.handle = ({ path }, response) => {
    response.setHeader('content-type', 'application/json');
    if (path === '/object_info') response.end(info);
    else if (path.startsWith('/history')) response.end(history);
    else if (path === '/prompt') response.end('{"prompt_id":"p1"}');
    else response.end('{"queue_running":[],"queue_pending":[]}');
  };
});
afterAll(() => stand.close());

async function open(files: Readonly<Record<string, string>>): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'comfy-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  told = [];
  info = JSON.stringify(nodes);
  stand.seen.length = 0;
  provider = await comfyui.create({
    slug: 'comfyui',
    title: 'ComfyUI',
    capabilities: comfyui.capabilities,
    bases: { api: stand.url },
    allowPrivateHosts: true,
    settings: { COMFYUI_WORKFLOWS: folder },
    log: { warn: (fields) => told.push(fields) },
    now: Date.now,
    random: () => 0.5,
  });
}
afterEach(async () => {
  await provider.close();
  await rm(folder, { recursive: true });
});

async function listed(): Promise<Record<string, boolean>> {
  const list = await provider.listModels(context);
  const models = list === 'unchanged' ? [] : list.models;
  return Object.fromEntries(models.map(({ nativeId, isLive }) => [nativeId, isLive]));
}

describe('a node with something odd in its declaration', () => {
  it.each([
    ['Infinity as a bound', '{"input":{"required":{"x":["FLOAT",{"max":Infinity}]}}}', 0],
    ['NaN as a default', '{"input":{"required":{"x":["FLOAT",{"default":NaN}]}}}', 0],
    ['an empty declaration', '{"input":{"required":{"x":[]}}}', 0],
    ['a word for a declaration', '{"input":{"required":{"x":"INT"}}}', 0],
    ['a list of fields', '{"input":{"required":[]}}', 0],
    ['no inputs', '{"input":null}', 0],
    ['nothing', 'null', 1],
  ])('takes no workflow away: %s', async (_what, node, lines) => {
    await open({ 'boat.json': JSON.stringify(graph) });
    info = `${JSON.stringify(nodes).slice(0, -1)},"Odd":${node}}`;

    expect(await listed()).toEqual({ boat: true });
    expect(await listed()).toEqual({ boat: true });
    expect(told.map(({ name }) => name)).toEqual(lines === 0 ? [] : ['Odd']);
  });

  it('has choices of numbers where it lists numbers', async () => {
    await open({
      'boat.json': JSON.stringify({ ...graph, 3: { ...graph[3], inputs: { seed: 5, text: 8 } } }),
    });
    info = JSON.stringify({ ...nodes, Draw: { input: { required: { seed: ['INT'], text: [[5, 8]] } } } });

    const list = await provider.listModels(context);

    const [model] = list === 'unchanged' ? [] : list.models;
    expect(model?.inputSchema.properties).toMatchObject({ prompt: { type: 'number', enum: [5, 8] } });
  });
});

describe('a file of a workflow', () => {
  const text = JSON.stringify(graph);

  it('is a model whatever its name and form, or a line of the log', async () => {
    await open({
      'my workflow (1).json': text,
      '图生图.json': text,
      'bom.json': `\ufeff${text}`,
      'nan.json': text.replace('"inputs":{"seed":5', '"is_changed":[NaN],"inputs":{"seed":5'),
      'request.json': JSON.stringify({ prompt: graph, client_id: 'x' }),
      'editor.json': JSON.stringify({ nodes: [{ id: 3, type: 'Draw' }], links: [] }),
      'broken.json': '{',
      'deep.json': '['.repeat(100_000),
    });

    expect(Object.keys(await listed()).sort()).toEqual(
      ['%E5%9B%BE%E7%94%9F%E5%9B%BE', 'bom', 'my%20workflow%20(1)', 'nan', 'request'].sort(),
    );
    expect(told).toEqual(
      expect.arrayContaining([
        { provider: 'comfyui', name: '图生图.json', id: '%E5%9B%BE%E7%94%9F%E5%9B%BE' },
        { provider: 'comfyui', name: 'my workflow (1).json', id: 'my%20workflow%20(1)' },
        expect.objectContaining({
          name: 'editor.json',
          reason: expect.stringContaining('format of the editor'),
        }),
        expect.objectContaining({ name: 'broken.json' }),
        expect.objectContaining({ name: 'deep.json' }),
      ]),
    );
  });

  it.each(['..%2Fsecret', '%2e%2e', '.hidden', 'a%00b', 'C%3A', '%'])(
    'is not found by the name %s',
    async (nativeId) => {
      await open({ 'good.json': text });
      const request = { nativeId, input: {}, files: {}, runId: 'run_1', options: {} };

      await expect(provider.submit(request, context)).rejects.toMatchObject({ code: 'model_not_found' });
    },
  );

  it.each(['18446744073709551615', '1152921504606846977'])('keeps its own seed %s', async (seed) => {
    await open({ 'my own.json': text.replace('"seed":5', `"seed":${seed}`).replace(', seed"', '"') });

    const request = { nativeId: 'my%20own', input: { prompt: 'x' }, files: {}, runId: 'run_1', options: {} };
    await provider.submit(request, context);

    expect(stand.seen.find(({ path }) => path === '/prompt')?.body).toContain(`"seed":${seed}`);
  });
});

it.each([
  ['nodes that say nothing or a list', '{"3":null,"5":[1],"4":{"images":[{"filename":"a.png"}]}}', ['image']],
  [
    'NaN beside a picture',
    '{"3":{"is_changed":[NaN]},"4":{"images":[{"filename":"a.png","subfolder":null}]}}',
    ['image'],
  ],
  ['a text that is no list', '{"3":{"text":"a boat"}}', ['text']],
  ['a number', '{"3":{"text":[42]}}', ['text']],
  ['tags', '{"3":{"tags":["boat, sea"]}}', ['text']],
])('a result with %s is read', async (_what, outputs, kinds) => {
  await open({ 'boat.json': JSON.stringify(graph) });
  history = `{"p1":{"outputs":${outputs},"status":{"status_str":"success","completed":true,"messages":[null,["x"]]}}}`;

  const view = await provider.poll({ id: 'p1', client: 'c', nodes: 2 }, context);

  expect(view).toMatchObject({ status: 'succeeded' });
  expect(view.outputs?.map(({ kind }) => kind)).toEqual(kinds);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createWrapper,
  type JsonObject,
  localPrincipal,
  maxShortBytes,
  type Principal,
  type ToolResult,
} from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import type { ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errorOf, startReady, textOf } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const native = {
  type: 'object',
  required: ['prompt'],
  properties: {
    prompt: { type: 'string', 'x-order': 0 },
    seed: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
  },
};

let world: CatalogWorld;
let replica: CatalogReplica;
let platform: ScriptedCatalogProvider & { describeModel(nativeId: string): Promise<ProviderModel> };
let details: Map<string, ProviderModel>;

beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(() => world.close());

async function start(models: Parameters<typeof modelOf>[], file?: string): Promise<void> {
  const listed = models.map(([id, fields]) => modelOf(id, fields));
  details = new Map();
  platform = Object.assign(new ScriptedCatalogProvider({ slug: 'modelrunner', models: listed }), {
    describeModel: async (nativeId: string) => details.get(nativeId) ?? modelOf(nativeId),
  });
  const other = new ScriptedCatalogProvider({
    slug: 'fal',
    models: [modelOf('elsewhere', { isFeatured: true })],
  });
  replica = await startReady(world, [platform, other], file === undefined ? {} : { catalogFile: file });
}

async function call(name: string, args: JsonObject): Promise<ToolResult> {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  return JSON.parse(await replica.bus.callTool(tool, args, { principal: localPrincipal })) as ToolResult;
}

const endpointsOf = ({ structuredContent: { data, results } }: ToolResult) =>
  // as: cards, as the tools list them.
  ((data ?? results) as { endpoint: string }[]).map(({ endpoint }) => endpoint);

const published = { visibility: 'public', status: 'published' };

const wrapperCalled = (alias: string) => ({
  alias,
  ...{ title: alias, summary: `Makes a ${alias}.`, category: 'image' },
  input_schema: {
    type: 'object',
    required: ['subject'],
    properties: { subject: { type: 'string', description: 'Who' } },
  },
  template: '{{subject}}',
  base_models: [{ model: 'modelrunner/acme/draw' }],
});

const names = (count: number) =>
  Array.from({ length: count }, (_, at) => `acme/m${String(at).padStart(2, '0')}`);

function expectShort({ content, structuredContent }: ToolResult): void {
  const said = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
  expect(Buffer.byteLength(said)).toBeLessThanOrEqual(maxShortBytes);
  expect(Buffer.byteLength(JSON.stringify(structuredContent))).toBeLessThanOrEqual(maxShortBytes);
}

describe('list_models', () => {
  it("lists the platform's public models by their own names, page by page [MR-10][MR-11]", async () => {
    await start(names(23).map((id) => [id]));

    const first = await call('list_models', {});
    const third = await call('list_models', { page: 3 });
    const large = await call('list_models', { page: '2', limit: '20' });

    expect(endpointsOf(first)).toEqual(names(23).slice(0, 10));
    expect(first.structuredContent).toMatchObject({ page: 1, limit: 10, total: 23, totalPages: 3 });
    expect(endpointsOf(third)).toEqual(names(23).slice(20));
    expect(endpointsOf(large)).toEqual(names(23).slice(20));
    expect(large.structuredContent).toMatchObject({ page: 2, limit: 20, totalPages: 2 });
    expect(textOf(first)).toContain('- acme/m00: Makes things. [image, $0.01 an image]');
    expect(textOf(first)).toContain('Page 1 of 3, 23 in all.');
  });

  it('has every model of a page in a kilobyte, whatever is said of them', async () => {
    await start(names(12).map((id) => [id, { summary: 'Describes itself at some length. '.repeat(9) }]));

    const page = await call('list_models', {});

    expect(endpointsOf(page)).toHaveLength(10);
    expectShort(page);
  });

  it('filters by words and category, and answers a page past the end with the last one there is [MR-11]', async () => {
    await start([
      ['acme/draw', { title: 'Draw', tags: ['sketch'] }],
      ['acme/move', { categories: ['video', 'text-to-video'], capabilities: ['io:text-to-video'] }],
    ]);

    expect(endpointsOf(await call('list_models', { search: 'sketch' }))).toEqual(['acme/draw']);
    expect(endpointsOf(await call('list_models', { category: 'video' }))).toEqual(['acme/move']);
    expect(endpointsOf(await call('list_models', { category: 'TEXT-TO-VIDEO' }))).toEqual(['acme/move']);
    const past = await call('list_models', { page: 9 });
    expect(past.structuredContent).toMatchObject({ page: 9, total: 2, totalPages: 1, data: [] });
    expect(textOf(past)).toContain('Nothing is on this page. Page 9 of 1, 2 in all.');
  });

  it.each([
    [{ page: 0 }, 'page'],
    [{ limit: 'many' }, 'limit'],
    [{ cursor: 'x' }, 'cursor'],
  ])('refuses %j by the name of what is wrong', async (args, field) => {
    await start([['acme/draw']]);

    const { isError, ...result } = await call('list_models', args);

    expect(isError).toBe(true);
    expect(errorOf(result)).toMatchObject({ code: 'validation_failed', details: { status: 400 } });
    expect(textOf(result)).toContain(field);
  });

  it('takes more than the most for the most', async () => {
    await start([['acme/draw']]);

    expect((await call('list_models', { limit: 5_000 })).structuredContent).toMatchObject({ limit: 100 });
  });
});

describe('recommended_wrappers', () => {
  it("is the operator's list of wrappers for a purpose, in its order and without models [MR-18]", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recommended-'));
    const file = join(folder, 'catalog.json');
    const list = ['ada/poster', 'modelrunner/acme/draw', 'ada/gone', 'ada/portrait'];
    writeFileSync(file, JSON.stringify({ recommended: { image: list } }));
    await start([['acme/draw']], file);
    rmSync(folder, { recursive: true });
    const ada: Principal = { subject: 'ada', grant_id: 'key_a', kind: 'api_key', scopes: ['mcp'] };
    for (const alias of ['portrait', 'poster', 'other']) {
      const made = await replica.tool(createWrapper, { definition: wrapperCalled(alias), ...published }, ada);
      expect(made.structuredContent.error).toBeUndefined();
    }

    await vi.waitFor(async () => {
      expect(endpointsOf(await call('recommended_wrappers', { category: 'image' }))).toEqual([
        'ada/poster',
        'ada/portrait',
      ]);
    });
    const none = await call('recommended_wrappers', { category: 'video' });
    expect(textOf(none)).toContain('Nothing is recommended for video');
  });
});

describe('recommended_models', () => {
  const models: Parameters<typeof modelOf>[] = [
    ['acme/plain'],
    ['acme/good', { isFeatured: true, weight: 1 }],
    ['acme/best', { isFeatured: true, weight: 2, summary: 'Draws best.' }],
    [
      'acme/film',
      { isFeatured: true, categories: ['video'], capabilities: ['io:image-to-video', 'op:animate'] },
    ],
    ['acme/cut', { isFeatured: true, capabilities: ['io:image-to-image', 'op:remove-background'] }],
    [
      'acme/hear',
      { isFeatured: true, categories: ['text'], capabilities: ['io:audio-to-text', 'op:transcribe'] },
    ],
  ];

  it("is the platform's featured list of a category, best first [MR-12][MR-13]", async () => {
    await start(models);

    const image = await call('recommended_models', { category: 'image' });

    expect(endpointsOf(image)).toEqual(['acme/best', 'acme/good']);
    expect(textOf(image)).toContain('Recommended for image, best first:\n- acme/best: Draws best.');
    expect(endpointsOf(await call('recommended_models', { category: 'video' }))).toEqual(['acme/film']);
    expect(endpointsOf(await call('recommended_models', { category: 'utility' }))).toEqual([
      'acme/cut',
      'acme/hear',
    ]);
    expectShort(image);
  });

  it("is an operator's own list where there is one, in its order and of this platform alone [MR-12]", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recommended-'));
    const file = join(folder, 'catalog.json');
    const list = ['modelrunner/acme/plain', 'fal/elsewhere', 'modelrunner/none', 'modelrunner/acme/film'];
    writeFileSync(file, JSON.stringify({ recommended: { Image: list } }));
    await start(models, file);
    rmSync(folder, { recursive: true });

    expect(endpointsOf(await call('recommended_models', { category: 'image' }))).toEqual([
      'acme/plain',
      'acme/film',
    ]);
    expect(endpointsOf(await call('recommended_models', { category: 'video' }))).toEqual(['acme/film']);
  });

  it('names the categories that there are [MR-13]', async () => {
    await start(models);

    const result = await call('recommended_models', { category: 'sound' });

    expect(errorOf(result)?.code).toBe('validation_failed');
    expect(textOf(result)).toMatch(/image.*video.*utility/);
  });
});

describe('get_model', () => {
  it('tells inputs, outputs, price and examples of one model, in brief [MR-14][MR-15]', async () => {
    const examples = [
      { title: 'One', input: { prompt: 'a fox' }, output: { images: ['https://x/y.png'] }, cost: 0.01 },
    ];
    const inputSchema = { type: 'object', required: ['prompt'], properties: { prompt: { type: 'string' } } };
    await start([['bytedance/sdxl', { examples, aliases: ['uuid-1'], inputSchema }]]);

    const result = await call('get_model', { endpoint: 'bytedance/sdxl' });

    expect(result.structuredContent).toEqual({
      endpoint: 'bytedance/sdxl',
      id: 'uuid-1',
      name: 'bytedance/sdxl',
      description: 'Makes things.',
      category: 'image',
      inputs: [{ name: 'prompt', type: 'string', required: true }],
      outputs: expect.objectContaining({ type: 'object' }),
      pricing: expect.objectContaining({ currency: 'USD' }),
      examples: [expect.objectContaining({ input: { prompt: 'a fox' } })],
    });
    for (const fact of ['bytedance/sdxl', 'uuid-1', 'prompt (string, required)', 'a fox', '0.01'])
      expect(textOf(result)).toContain(fact);
    expectShort(result);
  });

  it('is found by its endpoint as the platform has it, and by nothing of another platform', async () => {
    await start([['acme/video/v2/fast'], ['fal/draw']]);

    const named = await call('get_model', { endpoint: 'acme/video/v2/fast' });
    const owned = await call('get_model', { endpoint: 'fal/draw' });
    const foreign = await call('get_model', { endpoint: 'fal/elsewhere' });

    expect(named.structuredContent.endpoint).toBe('acme/video/v2/fast');
    expect(owned.structuredContent.endpoint).toBe('fal/draw');
    expect(errorOf(foreign)).toMatchObject({ code: 'model_not_found', details: { status: 404 } });
    expect(JSON.stringify(foreign)).not.toContain('modelrunner/');
  });

  it('fits a kilobyte however much a model has, and says what has the rest', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 120 }, (_, at) => [
        `field_${at}`,
        { type: 'string', description: 'Words. '.repeat(30) },
      ]),
    );
    const examples = [{ title: 'One', input: { prompt: 'a fox '.repeat(200) }, output: {}, cost: 0.01 }];
    await start([['acme/large', { inputSchema: { type: 'object', properties }, examples }]]);

    const result = await call('get_model', { endpoint: 'acme/large' });

    expectShort(result);
    expect(result.structuredContent.hint).toContain('get_model_raw_schema(endpoint="acme/large")');
  });
});

describe('get_model_raw_schema', () => {
  it('is what the platform wrote, not the portable form of it [MR-16]', async () => {
    await start([['acme/draw', { nativeSchema: native }]]);

    const result = await call('get_model_raw_schema', { endpoint: 'acme/draw' });

    expect(result.structuredContent).toEqual({ endpoint: 'acme/draw', schema: native });
    expect(JSON.parse(textOf(result))).toEqual(native);
  });

  it('is read with the model where the list has none [MR-16]', async () => {
    await start([['acme/draw', { schemaState: 'summary', inputSchema: {} }]]);
    details.set('acme/draw', modelOf('acme/draw', { nativeSchema: native }));

    expect((await call('get_model_raw_schema', { endpoint: 'acme/draw' })).structuredContent.schema).toEqual(
      native,
    );
  });
});

describe('search', () => {
  it('finds models of the platform by free text, best match first [MR-20]', async () => {
    await start([['acme/fox', { title: 'Fox painter' }], ['acme/owl', { tags: ['fox'] }], ['acme/eel']]);

    const result = await call('search', { query: 'fox' });

    expect(endpointsOf(result)).toEqual(['acme/fox', 'acme/owl']);
    expect(result.structuredContent).toMatchObject({
      query: 'fox',
      total: 2,
      results: [{ type: 'model' }, {}],
    });
    expectShort(result);
  });
});

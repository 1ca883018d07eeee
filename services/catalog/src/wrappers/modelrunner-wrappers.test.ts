import {
  type JsonObject,
  localPrincipal,
  maxShortBytes,
  type Principal,
  type ToolResult,
} from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, startReady, textOf } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const base = 'bytedance/sdxl-lightning-4step';
const uuid = '00000000-0000-4000-8000-000000000001';
const inputSchema = {
  type: 'object',
  required: ['prompt'],
  properties: {
    prompt: { type: 'string' },
    num_outputs: { type: 'integer', minimum: 1, maximum: 4 },
    output_format: { type: 'string', enum: ['png', 'jpg'] },
  },
};

/** The platform's own worked example, as an assistant writes it. */
const cinematic = {
  alias: 'cinematic-portrait',
  name: 'Cinematic Portrait',
  category: 'text-to-image',
  shortDescription: 'Studio-grade portraits from a subject and a mood.',
  inputModalities: ['text'],
  outputModalities: ['image'],
  schema: {
    components: {
      schemas: {
        Input: {
          type: 'object',
          required: ['subject'],
          properties: {
            subject: { type: 'string', description: 'Who to portray.' },
            mood: { type: 'string', enum: ['warm', 'noir'], default: 'warm' },
          },
        },
      },
    },
  },
  promptTemplate: '{{subject}}, {{lookup maps.mood mood}}, cinematic portrait',
  templateContext: { maps: { mood: { warm: 'golden hour', noir: 'hard shadows' } }, constants: {} },
  defaultBaseModelId: uuid,
  baseModels: [
    {
      baseModelId: uuid,
      fieldMappings: { staticValues: { num_outputs: 1, output_format: 'png' }, omit: ['mood'] },
    },
  ],
};

const ada: Principal = { ...localPrincipal, subject: 'ada' };
const bob: Principal = { ...localPrincipal, subject: 'bob' };

let world: CatalogWorld;
let replica: CatalogReplica;
beforeEach(async () => {
  world = await openCatalogWorld();
  const models = [modelOf(base, { inputSchema, aliases: [uuid] })];
  const others = [modelOf('elsewhere', { inputSchema })];
  replica = await startReady(world, [
    new ScriptedCatalogProvider({ slug: 'modelrunner', models }),
    new ScriptedCatalogProvider({ slug: 'fal', models: others }),
  ]);
});
afterEach(() => world.close());

async function call(name: string, args: JsonObject, principal = ada): Promise<ToolResult> {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  return JSON.parse(await replica.bus.callTool(tool, args, { principal })) as ToolResult;
}

async function create(args: JsonObject = {}, principal = ada): Promise<{ id: string; endpoint: string }> {
  const result = await call('create_wrapper', { ...cinematic, ...args }, principal);
  const { id, endpoint } = result.structuredContent;
  if (typeof id !== 'string' || typeof endpoint !== 'string') throw new Error(textOf(result));
  return { id, endpoint };
}

const endpointsOf = ({ structuredContent: { data, results } }: ToolResult) =>
  // as: cards, as the tools list them.
  ((data ?? results) as { endpoint: string }[]).map(({ endpoint }) => endpoint);

describe('authoring', () => {
  it('has the rulebook, whole [MR-36]', async () => {
    const result = await call('wrapper_authoring_guide', {});

    for (const rule of ['lookup', 'staticValues', 'omit', 'base_model'])
      expect(result.structuredContent.guide).toContain(rule);
    expect(textOf(result)).toBe(result.structuredContent.guide);
  });

  it('previews a template with mappings, and creates nothing [MR-37]', async () => {
    const preview = await call('preview_wrapper', {
      promptTemplate: cinematic.promptTemplate,
      templateContext: cinematic.templateContext,
      sampleInput: { subject: 'a fox in a trench coat', mood: 'noir' },
      fieldMappings: cinematic.baseModels[0]?.fieldMappings,
    });

    expect(preview.structuredContent).toMatchObject({
      prompt: 'a fox in a trench coat, hard shadows, cinematic portrait',
      input: {
        prompt: 'a fox in a trench coat, hard shadows, cinematic portrait',
        num_outputs: 1,
        output_format: 'png',
      },
    });
    expect(preview.structuredContent.input).not.toHaveProperty('mood');
    expect(textOf(preview)).toContain('"num_outputs": 1');
    expect(endpointsOf(await call('list_my_wrappers', {}))).toEqual([]);
  });

  it.each(['{{> partial}}', '{{#each x}}{{/each}}'])(
    'refuses what a template may not have: %s',
    async (promptTemplate) => {
      const result = await call('preview_wrapper', { promptTemplate, sampleInput: {} });

      expect(errorOf(result)).toMatchObject({ code: 'validation_failed', details: { status: 400 } });
    },
  );

  it('creates a private draft of its caller, by the definition as the platform has it [MR-38][MR-39][MR-40][MR-41]', async () => {
    const { structuredContent, isError } = await call('create_wrapper', cinematic);

    expect(isError).toBeUndefined();
    expect(structuredContent).toMatchObject({
      id: expect.stringMatching(/^wrp_/),
      endpoint: expect.stringMatching(/^[a-z0-9-]+\/cinematic-portrait$/),
      visibility: 'private',
      status: 'draft',
      defaultBaseModel: base,
      baseModels: [base],
    });
    const owner = await call('create_wrapper', { ...cinematic, alias: 'other', ownerName: 'bob' });
    expect(errorOf(owner)?.code).toBe('validation_failed');
    expect(textOf(owner)).toContain('ownerName');
  });

  it('refuses a key that a base model does not have, and an alias that is taken', async () => {
    const baseModels = [
      { baseModelId: base, fieldMappings: { staticValues: { guidance: 7 }, omit: ['mood'] } },
    ];
    const unknown = await call('create_wrapper', { ...cinematic, baseModels, defaultBaseModelId: base });
    await create();
    const taken = await call('create_wrapper', cinematic);

    expect(errorOf(unknown)?.code).toBe('validation_failed');
    expect(textOf(unknown)).toContain('guidance');
    expect(taken.isError).toBe(true);
  });

  it('changes a wrapper of its caller by id, beside the id or in patch [MR-42]', async () => {
    const { id } = await create();

    const flat = await call('patch_wrapper', { id, visibility: 'public', name: 'Portraits' });
    const inPatch = await call('patch_wrapper', { id, patch: { status: 'published' } });

    expect(flat.structuredContent).toMatchObject({
      visibility: 'public',
      status: 'draft',
      name: 'Portraits',
    });
    expect(inPatch.structuredContent).toMatchObject({ visibility: 'public', status: 'published' });
  });

  it('changes and deletes nothing of anybody else, who learns no more than of none [MR-42][MR-43]', async () => {
    const { id, endpoint } = await create({ visibility: 'public', status: 'published' });

    for (const name of [id, endpoint, 'wrp_none00000000']) {
      const patched = await call('patch_wrapper', { id: name, status: 'draft' }, bob);
      const deleted = await call('delete_wrapper', { id: name }, bob);
      expect(errorOf(patched)).toMatchObject({ code: 'wrapper_not_found', details: { status: 404 } });
      expect(errorOf(deleted)?.code).toBe('wrapper_not_found');
    }
    expect((await call('get_wrapper', { endpoint }, bob)).structuredContent.status).toBe('published');
  });

  it('deletes a wrapper of its caller [MR-43]', async () => {
    const { id, endpoint } = await create();

    expect((await call('delete_wrapper', { id })).structuredContent).toEqual({ id, deleted: true });
    expect((await call('get_wrapper', { endpoint })).isError).toBe(true);
  });
});

describe('wrappers', () => {
  it('are listed page by page once they are public and published, and their own to their owner [MR-17]', async () => {
    const { endpoint } = await create({ visibility: 'public', status: 'published' });
    const draft = await create({ alias: 'draft' });

    const all = await call('list_wrappers', {}, bob);

    expect(endpointsOf(all)).toEqual([endpoint]);
    expect(all.structuredContent).toMatchObject({ page: 1, limit: 10, total: 1, totalPages: 1 });
    expect(textOf(all)).toContain('Studio-grade portraits');
    expect(
      endpointsOf(await call('list_wrappers', { search: 'portrait', category: 'text-to-image' }, bob)),
    ).toEqual([endpoint]);
    expect(endpointsOf(await call('list_models', {}, bob))).toEqual([base]);
    expect(endpointsOf(await call('list_my_wrappers', {})).sort()).toEqual([endpoint, draft.endpoint].sort());
    expect(endpointsOf(await call('list_my_wrappers', {}, bob))).toEqual([]);
  });

  it('are found with models in one search, and none that runs on another platform [MR-20]', async () => {
    const { endpoint } = await create({ visibility: 'public', status: 'published' });

    const found = await call('search', { query: 'cinematic portrait' }, bob);

    expect(found.structuredContent.results).toContainEqual(
      expect.objectContaining({ endpoint, type: 'wrapper', shortDescription: cinematic.shortDescription }),
    );
    expect(endpointsOf(await call('search', { query: 'elsewhere' }))).toEqual([]);
  });

  it('are described in short, with base model and template [MR-19]', async () => {
    const { id, endpoint } = await create();

    const result = await call('get_wrapper', { endpoint });

    expect(result.structuredContent).toMatchObject({
      endpoint,
      id,
      name: 'Cinematic Portrait',
      visibility: 'private',
      status: 'draft',
      inputs: [
        { name: 'subject', type: 'string', required: true },
        { name: 'mood', enum: ['warm', 'noir'], default: 'warm' },
      ],
      defaultBaseModel: base,
      baseModels: [base],
      promptTemplate: cinematic.promptTemplate,
    });
    for (const fact of [id, base, 'subject', cinematic.promptTemplate])
      expect(textOf(result)).toContain(fact);
    expect((await call('get_wrapper', { endpoint }, bob)).isError).toBe(true);
  });

  it('are described in a kilobyte however long their template is, and whole part by part [MRD-01]', async () => {
    const promptTemplate = `{{subject}} {{lookup maps.mood mood}} ${'very detailed, '.repeat(500)}`;
    const { id, endpoint } = await create({ promptTemplate });

    const short = await call('get_wrapper', { endpoint });
    const template = await call('get_wrapper_prompt_template', { endpoint });
    const schema = await call('get_wrapper_raw_schema', { endpoint });
    const mappings = await call('get_wrapper_field_mappings', { endpoint });

    expect(Buffer.byteLength(textOf(short))).toBeLessThanOrEqual(maxShortBytes);
    expect(Buffer.byteLength(JSON.stringify(short.structuredContent))).toBeLessThanOrEqual(maxShortBytes);
    expect(short.structuredContent.hint).toContain(`get_wrapper_prompt_template(endpoint="${endpoint}")`);
    expect(template.structuredContent).toMatchObject({
      promptTemplate,
      templateContext: { maps: { mood: { noir: 'hard shadows' } } },
    });
    expect(schema.structuredContent.schema).toMatchObject(cinematic.schema.components.schemas.Input);
    expect(mappings.structuredContent).toEqual({
      endpoint,
      id,
      defaultBaseModelId: base,
      baseModels: [
        {
          baseModelId: base,
          fieldMappings: { staticValues: { num_outputs: 1, output_format: 'png' }, omit: ['mood'] },
        },
      ],
    });
    const again = await call('patch_wrapper', { id, baseModels: mappings.structuredContent.baseModels });
    expect(again.isError).toBeUndefined();
  });

  it('are no models, and models no wrappers', async () => {
    const result = await call('get_wrapper', { endpoint: base });

    expect(errorOf(result)).toMatchObject({ code: 'wrapper_not_found', details: { status: 404 } });
  });

  it('are run by their endpoint like models [MR-45]', async () => {
    const { endpoint } = await create();

    const prepared = await replica.prepare(
      `modelrunner/${endpoint}`,
      { subject: 'a fox', mood: 'noir' },
      ada,
    );

    expect(prepared).toMatchObject({
      model: `modelrunner/${base}`,
      wrapper: endpoint,
      input: { prompt: 'a fox, hard shadows, cinematic portrait', num_outputs: 1, output_format: 'png' },
    });
    await expect(replica.prepare(`fal/${endpoint}`, { subject: 'x' }, ada)).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });
});

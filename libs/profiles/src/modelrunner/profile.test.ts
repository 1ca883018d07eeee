import { type AnyTool, callOf, type JsonObject, parseArguments } from '@inferry/contracts';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { canonicalTool, toolOf } from '../index.ts';
import { modelrunner } from './profile.ts';
import { toProductError, toStatusWord } from './words.ts';

const toolNamed = (name: string): AnyTool => {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  return tool;
};

/** What the operation is called with for these arguments. */
function inputOf(tool: AnyTool, args: JsonObject): unknown {
  const given = parseArguments(tool, args);
  const input = tool.toInput?.(given, { args: given, words: tool.profile.words }) ?? given;
  return parseArguments(tool.operation, input);
}

describe('the profile', () => {
  it('has the 18 tools of its product and the five added since [MR-09][MRD-01]', () => {
    expect(modelrunner.tools.map(({ name }) => name)).toEqual([
      'list_models',
      'recommended_models',
      'get_model',
      'get_model_raw_schema',
      'list_wrappers',
      'recommended_wrappers',
      'get_wrapper',
      'search',
      'run_model',
      'get_request',
      'wait_for_request',
      'create_upload_url',
      'upload_file',
      'list_my_requests',
      'list_my_wrappers',
      'wrapper_authoring_guide',
      'get_wrapper_raw_schema',
      'get_wrapper_prompt_template',
      'get_wrapper_field_mappings',
      'preview_wrapper',
      'create_wrapper',
      'patch_wrapper',
      'delete_wrapper',
    ]);
  });

  it('costs an agent so many tokens', () => {
    const tokens = modelrunner.tools.reduce(
      (sum, { name, description, inputSchema }) =>
        sum + encode(JSON.stringify({ name, description, inputSchema })).length,
      0,
    );

    expect(tokens).toBeLessThanOrEqual(3_000);
  });

  it('tells a client in short how to go from a wish to an output [MR-45]', () => {
    const told = modelrunner.instructions('ModelRunner');

    for (const name of ['recommended_models', 'get_model', 'run_model', 'wait_for_request'])
      expect(told).toContain(name);
    expect(told.length).toBeLessThan(2_000);
    const named = told.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [];
    expect(named.filter((name) => toolOf(`modelrunner/${name}`) === undefined)).toEqual([]);
  });

  it('names in its texts no tool that it does not have', () => {
    const texts = modelrunner.tools.flatMap(({ description, inputSchema, outputSchema }) => [
      description,
      JSON.stringify([inputSchema, outputSchema]),
    ]);
    const foreign = [
      'search_models',
      'get_run',
      'list_runs',
      'estimate_cost',
      'view_output',
      'wrapper_guide',
    ];

    for (const text of texts) for (const name of foreign) expect(text).not.toContain(name);
  });
});

describe('its resources', () => {
  it.each([
    ['inferry://models/{+model}/schema', true],
    ['inferry://models/modelrunner/a/b/schema', true],
    ['inferry://models/fal/a/b/schema', false],
    ['inferry://runs/{run_id}', true],
    ['skill://inferry/modelrunner/SKILL.md', true],
    ['skill://inferry/build-wrappers/SKILL.md', true],
    ['skill://inferry/runware/SKILL.md', false],
  ])('%s: %s [MR-36]', (uri, isOffered) => {
    expect(modelrunner.hasResource({ uri })).toBe(isOffered);
  });
});

/** The same request, as a client of the product makes it and as one of ours does. */
const pairs: [string, JsonObject, string, JsonObject][] = [
  [
    'list_models',
    { search: 'fox', category: 'image', limit: 20 },
    'search_models',
    { provider: 'modelrunner', kind: 'model', query: 'fox', category: 'image', limit: 20 },
  ],
  ['recommended_models', { category: 'image' }, 'search_models', { provider: 'modelrunner', kind: 'model' }],
  [
    'search',
    { query: 'fox', limit: 5 },
    'search_models',
    { provider: 'modelrunner', query: 'fox', limit: 5 },
  ],
  ['list_wrappers', { limit: 5 }, 'search_models', { provider: 'modelrunner', kind: 'wrapper', limit: 5 }],
  ['get_model', { endpoint: 'a/b' }, 'get_model', { model: 'modelrunner/a/b' }],
  [
    'run_model',
    { endpoint: 'a/b/c', input: { prompt: 'x' }, metadata: { team: 'a' } },
    'run_model',
    { model: 'modelrunner/a/b/c', input: { prompt: 'x' }, metadata: { team: 'a' }, wait_seconds: 0 },
  ],
  ['get_request', { requestId: 'run_1' }, 'get_run', { run_id: 'run_1', include: ['outputs', 'upstream'] }],
  [
    'wait_for_request',
    { requestId: 'run_1', timeoutSeconds: 30 },
    'get_run',
    { run_id: 'run_1', wait_seconds: 30, include: ['outputs', 'upstream'] },
  ],
  [
    'list_my_requests',
    { metadata: { a: 'b' }, modelEndpoint: 'a/b', limit: 3 },
    'list_runs',
    { provider: 'modelrunner', metadata: { a: 'b' }, model: 'modelrunner/a/b', limit: 3 },
  ],
  [
    'create_upload_url',
    { fileName: 'a.png', contentType: 'image/png', size: 5 },
    'create_upload',
    { file_name: 'a.png', content_type: 'image/png', size: 5 },
  ],
  [
    'upload_file',
    { url: 'https://x.y/z.png', fileName: 'z.png' },
    'upload_file',
    { url: 'https://x.y/z.png', file_name: 'z.png' },
  ],
  [
    'preview_wrapper',
    { promptTemplate: '{{a}}', sampleInput: { a: 1 } },
    'preview_wrapper',
    { definition: { prompt_template: '{{a}}' }, sample_input: { a: 1 } },
  ],
  ['delete_wrapper', { id: 'wrp_1' }, 'delete_wrapper', { wrapper_id: 'wrp_1' }],
];

describe('a call of the product leads to the operation, and the input, of its canonical counterpart', () => {
  it.each(pairs)('%s %j is %s %j', (...[name, args, canonicalName, canonicalArgs]) => {
    const tool = toolNamed(name);
    const canonical = canonicalTool({ name: canonicalName });

    expect(tool.operation).toBe(canonical.operation);
    expect(inputOf(tool, args)).toMatchObject(Object(inputOf(canonical, canonicalArgs)));
  });
});

describe('an error', () => {
  it('says no name of a canonical tool, and leaves a marked call to the words', () => {
    const marked = callOf(canonicalTool({ name: 'get_run' }).operation, { run_id: 'run_1' });
    const error = toProductError({
      code: 'model_not_found',
      message: 'No provider has modelrunner/a/b.',
      retryable: false,
      next_action: `Find a model with search_models, or send it with create_upload. ${marked}`,
      details: { suggestions: ['modelrunner/a/c'] },
    });

    expect(error).toEqual({
      code: 'model_not_found',
      message: 'No provider has a/b.',
      retryable: false,
      next_action: `Find a model with search, or send it with create_upload_url. ${marked}`,
      details: { suggestions: ['a/c'], status: 404 },
    });
  });
});

describe('the words', () => {
  const { words } = modelrunner;
  const say = (operation: string, args: Record<string, string | undefined>) =>
    words.call(
      operation,
      Object.entries(args).map(([name, value]) => ({ name, value })),
    );

  it.each([
    ['search_models', { query: '"fox"' }, 'search(query="fox")'],
    ['search_models', { featured: 'true', category: '"image"' }, 'recommended_models(category="image")'],
    ['search_models', {}, 'list_models'],
    ['search_models', { kind: '"wrapper"' }, 'list_wrappers'],
    ['search_models', { mine: 'true', kind: '"wrapper"' }, 'list_my_wrappers'],
    ['get_model', { model: '"modelrunner/a/b"' }, 'get_model(endpoint="a/b")'],
    [
      'get_model',
      { model: '"modelrunner/a/b"', sections: '["schema"]' },
      'get_model_raw_schema(endpoint="a/b")',
    ],
    ['get_run', { run_id: '"run_1"' }, 'get_request(requestId="run_1")'],
    ['get_run', { run_id: '"run_1"', wait_seconds: '25' }, 'wait_for_request(requestId="run_1")'],
    ['get_run', { run_id: '"run_1"', offset: '900' }, 'get_request(requestId="run_1")'],
    ['list_runs', {}, 'list_my_requests'],
    ['create_upload', {}, 'create_upload_url'],
    ['estimate_cost', { model: '"x"' }, undefined],
    ['get_account', {}, undefined],
    ['cancel_run', { run_id: '"run_1"' }, undefined],
    ['view_output', {}, undefined],
  ])('say %s %j as %s', (operation, args, said) => {
    expect(say(operation, args)).toBe(said);
  });

  it.each([
    ['queued', undefined, 'IN_QUEUE'],
    ['running', 'IN_PROGRESS', 'IN_PROGRESS'],
    ['succeeded', 'COMPLETED', 'COMPLETED'],
    ['failed', 'COMPLETED', 'COMPLETED'],
    ['failed', 'FAILED', 'FAILED'],
    ['failed', undefined, 'FAILED'],
    ['cancelled', 'CANCELLED', 'CANCELLED'],
    ['expired', 'COMPLETED', 'FAILED'],
  ] as const)('say %s, as the platform has it %s, as %s [MR-24]', (status, upstream, word) => {
    expect(toStatusWord(status, upstream)).toBe(word);
  });
});

import {
  AppError,
  createWrapper,
  deleteWrapper,
  estimateCost,
  getModel,
  type JsonObject,
  localPrincipal,
  type Principal,
  patchWrapper,
  previewWrapper,
  searchModels,
  surfaceOf,
  type ToolResult,
  wrapperGuide,
} from '@inferry/contracts';
import { insertAccount, updateAccount } from '@inferry/database/accounts';
import { createLogger } from '@inferry/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createValidator } from '../input/model-validator.ts';
import { ListedModels } from '../listed-models.ts';
import { errorOf, fake, idsOf, quick, startReady, textOf } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';
import { Wrappers } from './wrappers.ts';

let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

const ada: Principal = { subject: 'ada', grant_id: 'key_a', kind: 'api_key', scopes: ['mcp'] };
const bob: Principal = { subject: 'bob', grant_id: 'key_b', kind: 'api_key', scopes: ['mcp'] };

const portrait: JsonObject = {
  alias: 'portrait',
  title: 'Cinematic portrait',
  summary: 'Portraits in the light of old films.',
  category: 'portrait',
  input_schema: {
    type: 'object',
    required: ['subject'],
    properties: {
      subject: { type: 'string', description: 'Who' },
      mood: { type: 'string', enum: ['warm', 'noir'], default: 'warm' },
      quality: { type: 'string', enum: ['low', 'high'], default: 'low' },
    },
  },
  template: '{{subject}}, {{lookup maps.mood mood}}, 85mm',
  context: { maps: { mood: { warm: 'golden light', noir: 'hard black and white' } } },
  base_models: [{ model: 'p/a', mappings: { static_values: { count: 2 }, omit: ['mood'] } }],
};

interface Shown {
  wrapper_id: string;
  model: string;
  version: string;
  [name: string]: unknown;
}

function wrapperOf({ structuredContent }: ToolResult): Shown {
  const { wrapper, error } = structuredContent;
  if (wrapper === undefined) throw new Error(JSON.stringify(error));
  // as: the contract's wrapper.
  return wrapper as Shown;
}

function problemsOf(result: ToolResult): string[] {
  const errors = errorOf(result)?.details?.errors;
  // as: the contract's list of problems.
  return ((errors ?? []) as { path: string; message: string }[]).map(
    ({ path, message }) => `${path} ${message}`,
  );
}

function start(): Promise<CatalogReplica> {
  return startReady(world, [fake('p', 'a', 'b')]);
}

async function make(
  replica: CatalogReplica,
  changes: JsonObject = {},
  { principal = ada, ...rest }: { principal?: Principal } & JsonObject = {},
): Promise<Shown> {
  return wrapperOf(
    await replica.tool(createWrapper, { definition: { ...portrait, ...changes }, ...rest }, principal),
  );
}

const open = { visibility: 'public', status: 'published' };

describe('create_wrapper', () => {
  it('makes a private draft of the caller, who can run it at once [MR-38][MR-39][MR-40][MR-41]', async () => {
    const replica = await start();

    const wrapper = await make(replica);
    const prepared = await replica.prepare('ada/portrait', { subject: 'a fox', mood: 'noir' }, ada);

    expect(wrapper).toMatchObject({
      model: 'ada/portrait',
      version: '1',
      visibility: 'private',
      status: 'draft',
      base_models: ['p/a'],
    });
    expect(prepared).toMatchObject({
      model: 'p/a',
      wrapper: 'ada/portrait',
      input: { prompt: 'a fox, hard black and white, 85mm', count: 2, quality: 'low' },
      quote: { min: 0.02, max: 0.02, exact: true },
      problems: [],
    });
  });

  it('takes a definition in the names that ModelRunner uses', async () => {
    const replica = await start();

    const wrapper = wrapperOf(
      await replica.tool(
        createWrapper,
        {
          definition: {
            alias: 'mr',
            name: 'By other names',
            shortDescription: 'Short.',
            schema: { components: { schemas: { Input: portrait.input_schema } } },
            promptTemplate: '{{subject}}, {{lookup maps.mood mood}}',
            templateContext: portrait.context,
            defaultBaseModelId: 'a',
            baseModels: [
              {
                baseModelId: 'a',
                fieldMappings: { staticValues: { count: 1 }, renames: { quality: 'quality' } },
              },
            ],
            visibility: 'public',
            status: 'published',
          },
        },
        ada,
      ),
    );

    expect(wrapper).toMatchObject({ title: 'By other names', default_base_model: 'p/a', ...open });
    expect((await replica.prepare('ada/mr', { subject: 'x' }, bob)).input).toMatchObject({
      prompt: 'x, golden light',
      count: 1,
    });
  });

  it.each<[string, JsonObject, string]>([
    ['an owner', { owner: 'bob' }, 'owner unknown field'],
    ['an alias with spaces', { alias: 'A b' }, 'alias'],
    ['no schema', { input_schema: undefined }, 'input_schema'],
    ['a schema of no object', { input_schema: { type: 'string' } }, 'input_schema is no JSON Schema'],
    [
      'a schema that takes anything',
      { input_schema: { type: 'object', properties: {}, additionalProperties: true } },
      'input_schema takes any',
    ],
    [
      'base_model in the schema',
      { input_schema: { type: 'object', properties: { base_model: { type: 'string' } } } },
      'input_schema.properties.base_model is a name',
    ],
    ['a partial', { template: '{{> shared}}' }, 'template has a partial'],
    ['a map that is not there', { template: '{{lookup maps.light mood}}' }, 'template reads maps.light'],
    [
      'a model that nobody has',
      { base_models: [{ model: 'p/none' }] },
      'base_models.0.model No connected provider',
    ],
    [
      'the same model twice',
      { base_models: [{ model: 'p/a' }, { model: 'a' }] },
      'base_models.1.model is p/a a second time',
    ],
    ['no model', { base_models: [] }, 'base_models'],
    ['a default that is none of them', { default_base_model: 'p/b' }, 'default_base_model is none'],
    [
      'a field that the model does not have',
      { base_models: [{ model: 'p/a', mappings: { static_values: { size: 1 } } }] },
      'base_models.0.mappings.static_values p/a has no input size',
    ],
    [
      'a field of its own that goes nowhere',
      {
        input_schema: {
          type: 'object',
          properties: { subject: { type: 'string' }, other: { type: 'string' }, mood: { type: 'string' } },
        },
      },
      'input_schema.properties.other p/a has no input other',
    ],
    [
      'a value that the model refuses',
      { base_models: [{ model: 'p/a', mappings: { static_values: { count: 9 } } }] },
      'base_models.0.mappings.static_values count of p/a',
    ],
    [
      'a preset that the model refuses',
      { base_models: [{ model: 'p/a', mappings: { presets: { mood: { warm: { strength: 7 } } } } }] },
      'base_models.0.mappings.presets strength of p/a',
    ],
    [
      'a choice that the model refuses',
      {
        input_schema: {
          type: 'object',
          properties: {
            subject: { type: 'string' },
            mood: { type: 'string' },
            quality: { type: 'string', enum: ['low', 'best'] },
          },
        },
      },
      'input_schema.properties.quality quality of p/a',
    ],
    [
      'a field of another type',
      {
        input_schema: {
          type: 'object',
          properties: { subject: { type: 'string' }, mood: { type: 'string' }, count: { type: 'array' } },
        },
        base_models: [{ model: 'p/a' }],
      },
      'input_schema.properties.count is of another type',
    ],
    [
      'two fields of one name',
      { base_models: [{ model: 'p/a', mappings: { renames: { quality: 'prompt' } } }] },
      'base_models.0.mappings.renames makes prompt from two',
    ],
    [
      'nothing for what the model requires',
      { template: undefined, base_models: [{ model: 'p/a', mappings: { omit: ['subject', 'mood'] } }] },
      'base_models.0.mappings nothing makes prompt',
    ],
    [
      'a preset of no field',
      { base_models: [{ model: 'p/a', mappings: { presets: { light: {} } } }] },
      'base_models.0.mappings.presets starts from light',
    ],
    [
      'an unknown operation',
      { base_models: [{ model: 'p/a', mappings: { merge: {} } }] },
      'base_models.0.mappings.merge unknown field',
    ],
    ...[
      'https://schemas.example/x.json',
      'other.json',
      '//schemas.example/x',
      'urn:uuid:1',
      '#anchor',
      7,
    ].map(($ref): [string, JsonObject, string] => [
      `a schema that refers to ${$ref}`,
      { input_schema: { type: 'object', properties: { subject: { allOf: [{ $ref }] } } } },
      'input_schema.properties.subject.allOf.0.$ref leads out of the schema',
    ]),
    [
      'a reference to what is not in the schema',
      { input_schema: { type: 'object', properties: { subject: { $ref: '#/$defs/none' } } } },
      'input_schema cannot be compiled: a pattern, a $ref',
    ],
    ['a wrong standing', { visibility: 'secret' }, 'visibility is not one of the allowed values'],
    ['a base without its model', { base_models: [{}] }, 'base_models.0.model is required'],
    ['a title that is no text', { title: 7 }, 'title must be text'],
    ['a picture that is no https address', { cover_url: 'javascript:alert(1)' }, 'cover_url'],
  ])('refuses %s', async (_name, changes, problem) => {
    const replica = await start();

    const result = await replica.tool(createWrapper, { definition: { ...portrait, ...changes } }, ada);

    expect(errorOf(result)?.code).toBe('validation_failed');
    expect(problemsOf(result).some((text) => text.startsWith(problem))).toBe(true);
    expect(idsOf(await replica.tool(searchModels, { mine: true }, ada))).toEqual([]);
  });

  it('keeps every digit of whole numbers, in bounds of its schema as near as they are held', async () => {
    const whole = { type: 'integer' };
    const inputSchema = {
      type: 'object',
      properties: { prompt: { type: 'string' }, seed: whole, other: whole },
    };
    const provider = fake('p', 'a');
    provider.models = [modelOf('a', { inputSchema })];
    const replica = await startReady(world, [provider]);
    const big = { $integer: '9007199254740993' };
    const definition = {
      alias: 'seeds',
      input_schema: {
        type: 'object',
        properties: { seed: { type: 'integer', maximum: { $integer: '18446744073709551615' } } },
      },
      template: 'number {{seed}} of {{constants.of}}',
      context: { constants: { of: big } },
      base_models: [{ model: 'p/a', mappings: { static_values: { other: big } } }],
    };

    const shown = await replica.tool(previewWrapper, { definition, sample_input: { seed: big } }, ada);
    const draft = { ...definition, base_models: undefined, mappings: definition.base_models[0]?.mappings };
    const drafted = await replica.tool(
      previewWrapper,
      { definition: draft, sample_input: { seed: big } },
      ada,
    );
    await make(replica, { ...definition, alias: 'seeds' });
    const { input } = await replica.prepare('ada/seeds', { seed: big }, ada);
    const above = await replica.prepare('ada/seeds', { seed: { $integer: '28446744073709551615' } }, ada);
    const usual = { type: 'object', properties: { seed: { type: 'integer', default: big } } };
    const refused = await replica.tool(
      createWrapper,
      { definition: { ...definition, alias: 'usual', input_schema: usual } },
      ada,
    );

    const prompt = 'number 9007199254740993 of 9007199254740993';
    for (const { structuredContent } of [shown, drafted]) {
      expect(structuredContent).toMatchObject({ prompt, mapped_input: { other: big.$integer } });
    }
    expect(textOf(shown)).not.toContain('$integer');
    expect(input).toMatchObject({ prompt, seed: big, other: big });
    expect(above.problems).toMatchObject([{ path: 'seed' }]);
    expect(problemsOf(refused)).toEqual([
      'input_schema.properties.seed.default is beyond 2^53, as only a bound may be: use static_values or presets',
    ]);
  });

  it('checks what is made against each base model', async () => {
    const other = modelOf('c', {
      inputSchema: { type: 'object', properties: { text: { type: 'string' }, n: { type: 'integer' } } },
    });
    const provider = fake('p', 'a');
    provider.models = [...provider.models, other];
    const replica = await startReady(world, [provider]);
    const bases = (mappings: JsonObject) => ({
      base_models: [
        { model: 'p/a', mappings: { static_values: { count: 1 } } },
        { model: 'p/c', mappings },
      ],
    });

    const refused = await replica.tool(
      createWrapper,
      { definition: { ...portrait, ...bases({ static_values: { count: 1 } }) } },
      ada,
    );
    await make(replica, bases({ static_values: { n: 1 }, renames: { prompt: 'text' }, omit: ['quality'] }));

    expect(problemsOf(refused).join()).toContain('p/c has no input count');
    expect(await replica.prepare('ada/portrait', { subject: 'x', base_model: 'p/c' }, ada)).toMatchObject({
      model: 'p/c',
      input: { text: 'x, golden light, 85mm', n: 1 },
      problems: [],
    });
    expect((await replica.prepare('ada/portrait', { subject: 'x', base_model: 'c' }, ada)).model).toBe('p/c');
    expect((await replica.prepare('ada/portrait', { subject: 'x' }, ada)).model).toBe('p/a');
    await expect(replica.prepare('ada/portrait', { subject: 'x', base_model: 'p/b' }, ada)).rejects.toThrow(
      /problem/,
    );
  });

  it('is no longer refused for a base model of another platform that is called as the caller writes it', async () => {
    const replica = await startReady(world, [fake('p', 'a'), fake('q', 'a')]);

    const refused = await replica.tool(
      createWrapper,
      { definition: { ...portrait, base_models: ['a'] } },
      ada,
    );

    expect(problemsOf(refused)).toEqual(['base_models.0.model Several providers have a model of this name.']);
  });

  it('answers a call that is made again with the same wrapper', async () => {
    const replica = await start();
    const first = await make(replica, {}, { client_ref: 'r' });

    const again = await replica.tool(createWrapper, { definition: portrait, client_ref: 'r' }, ada);
    const other = await replica.tool(
      createWrapper,
      { definition: { ...portrait, title: 'Other' }, client_ref: 'r' },
      ada,
    );
    const others = await make(replica, {}, { client_ref: 'r', principal: bob });

    expect(wrapperOf(again).wrapper_id).toBe(first.wrapper_id);
    expect(again.structuredContent.replayed).toBe(true);
    expect(errorOf(other)?.code).toBe('idempotency_conflict');
    expect(others.model).toBe('bob/portrait');
  });

  it('has bounds for one owner', async () => {
    const replica = await startReady(world, [fake('p', 'a')], { maxWrappers: 1 });
    await make(replica);

    const taken = await replica.tool(createWrapper, { definition: portrait }, ada);
    const more = await replica.tool(createWrapper, { definition: { ...portrait, alias: 'two' } }, ada);

    expect(problemsOf(taken)).toEqual(['alias is that of another wrapper of yours']);
    expect(errorOf(more)?.code).toBe('too_many_wrappers');
    expect((await make(replica, {}, { principal: bob })).model).toBe('bob/portrait');
  });

  it('gives owners names that are no platforms, and never one of somebody else', async () => {
    const replica = await startReady(world, [fake('ada', 'a'), fake('p', 'a')]);
    const base = { base_models: ['p/a'] };

    const first = await make(replica, base);
    const local = await make(replica, base, { principal: localPrincipal });
    const twin = await make(replica, base, { principal: { ...bob, subject: 'me' } });

    expect(first.model).toMatch(/^ada-[a-z0-9]{4}\/portrait$/);
    expect(local.model).toBe('me/portrait');
    expect(twin.model).toMatch(/^me-[a-z0-9]{4}\/portrait$/);
  });

  it('keeps its address when the account of its owner is called otherwise', async () => {
    const replica = await start();
    const account = { driver: 'local', external_id: 'l', password_hash: null, created_at: 1, seen_at: null };
    const row = { ...account, account_id: 'acct_1', display: 'Ada L.', disabled_at: null, made_by: null };
    await insertAccount(world.database.queries, row);
    const owner: Principal = { subject: 'acct_1', grant_id: 'g', kind: 'oauth', scopes: ['mcp'] };

    const first = await make(replica, {}, { principal: owner });
    await updateAccount(world.database.queries, 'acct_1', { display: 'Countess' });
    const second = await make(replica, { alias: 'two' }, { principal: owner });

    expect([first.model, second.model]).toEqual(['ada-l/portrait', 'ada-l/two']);
  });

  it('makes no name of a key that somebody brings', async () => {
    const replica = await start();
    const guest: Principal = {
      subject: 'key:0123abcd',
      grant_id: 'pt_x',
      kind: 'passthrough',
      scopes: ['mcp'],
    };

    expect((await make(replica, {}, { principal: guest })).model).toMatch(/^guest(-[a-z0-9]{4})?\/portrait$/);
  });

  it('does not take the id of a model for its address', async () => {
    const replica = await startReady(world, [fake('p', 'a', 'ada/portrait')]);

    const refused = await replica.tool(createWrapper, { definition: portrait }, ada);

    expect(problemsOf(refused)).toEqual(['alias makes ada/portrait, which is the id of a model']);
  });

  it('names both when a model comes to be called as a wrapper is', async () => {
    const provider = fake('p', 'a');
    const replica = await startReady(world, [provider], quick);
    const { wrapper_id: id } = await make(replica);
    provider.models = [...provider.models, modelOf('ada/portrait')];

    await vi.waitFor(async () => {
      expect(errorOf(await replica.tool(getModel, { model: 'ada/portrait' }, ada))?.details).toEqual({
        candidates: ['p/ada/portrait', id].sort(),
      });
    });
    expect((await replica.prepare(id, { subject: 'x' }, ada)).wrapper).toBe('ada/portrait');
    expect((await replica.prepare('ada/portrait', { prompt: 'x' }, bob)).model).toBe('p/ada/portrait');
  });
});

describe('what a wrapper is run with', () => {
  it('is told in the terms of its own fields', async () => {
    const replica = await start();
    await make(replica, { base_models: [{ model: 'p/a' }] });

    const missing = await replica.prepare('ada/portrait', { mood: 'blue', more: 1 }, ada);
    const coerced = await replica.prepare('ada/portrait', { subject: 'x', quality: null }, ada);

    expect(missing.problems.map(({ path }) => path).sort()).toEqual(['mood', 'more', 'subject']);
    expect(coerced).toMatchObject({ problems: [], input: { quality: 'low' } });
  });

  it('is refused when the base model takes other inputs now, before anything is charged', async () => {
    const provider = fake('p', 'a');
    const replica = await startReady(world, [provider], quick);
    await make(replica, {}, open);
    provider.models = [
      modelOf('a', { inputSchema: { type: 'object', properties: { prompt: { type: 'string' } } } }),
    ];

    await vi.waitFor(async () => {
      await expect(replica.prepare('ada/portrait', { subject: 'x' }, bob)).rejects.toMatchObject({
        code: 'wrapper_broken',
      });
    });
    const quoted = await replica.tool(estimateCost, { model: 'ada/portrait', input: { subject: 'x' } }, bob);
    const shown = await replica.tool(
      getModel,
      { model: 'ada/portrait', sections: ['summary', 'mappings'] },
      bob,
    );

    expect(errorOf(quoted)?.code).toBe('wrapper_broken');
    expect(shown.structuredContent).toMatchObject({
      model: { live: false, summary: expect.stringContaining('Broken: p/a has no input') },
      mappings: { broken: [{ path: expect.any(String) }, { path: expect.any(String) }] },
    });
    await vi.waitFor(async () => {
      expect(idsOf(await replica.tool(searchModels, { kind: 'wrapper' }, bob))).toEqual([]);
    });
    // Its owner mends it.
    const mended = await replica.tool(
      patchWrapper,
      {
        wrapper_id: 'ada/portrait',
        patch: { base_models: [{ model: 'p/a', mappings: { omit: ['quality'] } }] },
      },
      ada,
    );
    expect(wrapperOf(mended).version).toBe('2');
    expect((await replica.prepare('ada/portrait', { subject: 'x' }, bob)).input).toEqual({
      prompt: 'x, golden light, 85mm',
    });
  });

  it('is refused when the base model is gone', async () => {
    const provider = fake('p', 'a', 'b');
    const replica = await startReady(world, [provider], quick);
    await make(replica, {}, open);
    provider.models = [modelOf('b')];

    await vi.waitFor(async () => {
      await expect(replica.prepare('ada/portrait', { subject: 'x' }, ada)).rejects.toMatchObject({
        code: 'wrapper_broken',
      });
    });
    const shown = await replica.tool(getModel, { model: 'ada/portrait' }, ada);
    expect(shown.structuredContent).toMatchObject({ model: { live: false } });
  });

  it('is bounded: what a template makes of a large input is refused', async () => {
    const replica = await start();
    await make(replica, { template: '{{subject}}'.repeat(400) });

    await expect(replica.prepare('ada/portrait', { subject: 'x'.repeat(9_000) }, ada)).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('needs the rights that the base model needs', async () => {
    const closed = { of: async () => ({ stateOf: () => 'closed' as const, mayUseDeployment: false }) };
    const access = { of: async ({ subject }: Principal) => (subject !== 'bob' ? openToAll : closed.of()) };
    const openToAll = { stateOf: () => 'open' as const, mayUseDeployment: true };
    const replica = await startReady(world, [fake('p', 'a')], { access });
    await make(replica, {}, open);

    await expect(replica.prepare('ada/portrait', { subject: 'x' }, bob)).rejects.toMatchObject({
      code: 'provider_not_connected',
    });
    expect(idsOf(await replica.tool(searchModels, { kind: 'wrapper' }, bob))).toEqual([]);
    const quoted = await replica.tool(estimateCost, { model: 'ada/portrait', input: { subject: 'x' } }, bob);
    expect(quoted.structuredContent).toMatchObject({
      allowed: false,
      refusal: expect.stringContaining('key'),
    });
  });
});

describe('a wrapper among models', () => {
  it('is found, described and quoted as one [MR-19][MR-20]', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica, {}, open);

    await vi.waitFor(async () => {
      const found = await replica.tool(searchModels, { query: 'cinematic portrait', limit: 5 }, bob);
      expect(found.structuredContent.items).toMatchObject([
        { model: 'ada/portrait', kind: 'wrapper', category: 'portrait', needs: 'subject' },
      ]);
    });
    const shown = await replica.tool(
      getModel,
      { model: 'ada/portrait', sections: ['summary', 'inputs', 'schema', 'template', 'mappings', 'pricing'] },
      bob,
    );
    const quoted = await replica.tool(
      estimateCost,
      { model: 'ada/portrait', input: { subject: 'x', quality: 'high' }, count: 3 },
      bob,
    );
    const open_ = await replica.tool(estimateCost, { model: 'ada/portrait' }, bob);

    expect(shown.structuredContent).toMatchObject({
      model: { model: 'ada/portrait', provider: 'p', kind: 'wrapper', price: '$0.01 an image' },
      inputs: [
        { name: 'subject', required: true },
        { name: 'mood', allowed: ['warm', 'noir'] },
        { name: 'quality' },
      ],
      schema: { properties: { subject: {}, mood: {} } },
      template: portrait.template,
      mappings: {
        wrapper_id: id,
        version: '1',
        base_models: portrait.base_models,
        context: portrait.context,
      },
      pricing: { amount: 0.01 },
    });
    expect(quoted.structuredContent).toMatchObject({ min: 0.6, max: 0.6, exact: true, allowed: true });
    expect(open_.structuredContent).toMatchObject({ min: 0.02, exact: false });
  });

  it('is in the list of its owner, drafts included, and once in a search [MRD-01]', async () => {
    const replica = await start();
    await make(replica);
    await make(replica, { alias: 'shared' }, open);

    const mine = await replica.tool(searchModels, { mine: true, kind: 'wrapper' }, ada);
    expect(idsOf(mine).sort()).toEqual(['ada/portrait', 'ada/shared']);
    await vi.waitFor(async () => {
      expect(idsOf(await replica.tool(searchModels, { kind: 'wrapper' }, bob))).toEqual(['ada/shared']);
    });
    const all = await replica.tool(searchModels, { kind: 'wrapper', facets: true }, ada);
    expect(idsOf(all).sort()).toEqual(['ada/portrait', 'ada/shared']);
    expect(all.structuredContent.facets).toMatchObject({ kind: { wrapper: 2 } });
  });

  it('is found on another replica, and gone there when it is private again', async () => {
    const one = await start();
    const other = await startReady(world, [fake('p', 'a', 'b')]);
    const { wrapper_id: id } = await make(one, {}, open);
    const seen = async () => idsOf(await other.tool(searchModels, { kind: 'wrapper' }, bob));
    await vi.waitFor(async () => expect(await seen()).toEqual(['ada/portrait']));

    await one.tool(patchWrapper, { wrapper_id: id, patch: { visibility: 'private' } }, ada);

    await expect(other.prepare('ada/portrait', { subject: 'x' }, bob)).rejects.toMatchObject({
      code: 'model_not_found',
    });
    await vi.waitFor(async () => expect(await seen()).toEqual([]));
  });
});

describe('prompts', () => {
  const surface = surfaceOf('catalog');
  const promptsOf = async ({ bus }: CatalogReplica) => {
    const { description } = await bus.call(surface.describe, {}, { principal: bob });
    return description?.prompts ?? [];
  };

  it('are one for each wrapper that everybody may run, and take no name from a workflow', async () => {
    const provider = fake('p', 'a');
    provider.models = [...provider.models, modelOf('x/portrait', { kind: 'solution' })];
    const replica = await startReady(world, [provider]);
    const { wrapper_id: id } = await make(replica, {}, open);
    await make(replica, { alias: 'hidden' });
    await make(replica, { alias: 'unlisted', visibility: 'unlisted', status: 'published' });

    await vi.waitFor(async () => {
      expect((await promptsOf(replica)).map(({ name }) => name)).toEqual(['portrait', 'ada-portrait']);
    });
    const asked = { name: 'ada-portrait', arguments: { subject: 'a fox' } };
    const { messages } = await replica.bus.call(surface.getPrompt, asked, { principal: bob });
    expect(JSON.stringify(messages)).toContain('ada/portrait');
    expect(JSON.stringify(messages)).toContain('subject: a fox');

    await replica.tool(patchWrapper, { wrapper_id: id, patch: { visibility: 'private' } }, ada);
    await vi.waitFor(async () => {
      expect((await promptsOf(replica)).map(({ name }) => name)).toEqual(['portrait']);
    });
    await expect(replica.bus.call(surface.getPrompt, asked, { principal: bob })).rejects.toMatchObject({
      code: 'prompt_not_found',
    });
  });
});

it('are left out of a search, which says so, while the database is away', async () => {
  const away = new Proxy(world.database.queries, {
    get() {
      throw new AppError('unavailable', 'The database is away.');
    },
  });
  const wrappers = new Wrappers({
    bus: world.busOf('catalog'),
    database: { ...world.database, queries: away },
    models: new ListedModels(),
    documents: { read: async () => undefined, forget: () => undefined },
    validatorOf: ({ model }) => createValidator(model.inputSchema),
    log: createLogger({ service: 'catalog', replica: 'test', level: 'silent' }),
    now: Date.now,
  });

  const own = await wrappers.ownIndex(ada, 60_000);

  expect([own.index.size, own.isStale]).toEqual([0, true]);
});

describe('somebody else’s private wrapper', () => {
  it('is in every answer as if it were not there', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica);
    const calls: ((name: string) => Promise<unknown>)[] = [
      (name) => replica.tool(getModel, { model: name }, bob),
      (name) => replica.tool(getModel, { model: name, sections: ['template', 'mappings'] }, bob),
      (name) => replica.tool(estimateCost, { model: name, input: { subject: 'x' } }, bob),
      (name) => replica.prepare(name, { subject: 'x' }, bob).catch((error: Error) => error.message),
      (name) => replica.tool(previewWrapper, { wrapper_id: name, sample_input: {} }, bob),
      (name) => replica.tool(patchWrapper, { wrapper_id: name, patch: { title: 'x' } }, bob),
      (name) => replica.tool(patchWrapper, { wrapper_id: name, patch: {}, if_version: '9' }, bob),
      (name) => replica.tool(deleteWrapper, { wrapper_id: name }, bob),
    ];
    const answers = (names: string[]) =>
      Promise.all(
        names.map(async (name) => JSON.stringify(await Promise.all(calls.map((call) => call(name))))),
      );

    const [byName, noName] = await answers(['ada/portrait', 'ada/portrai2']);
    const [byId, noId] = await answers([id, id.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))]);

    expect(byName).toBe(noName);
    expect(byId).toBe(noId);
    expect(
      idsOf(await replica.tool(searchModels, { query: 'portrait', include_offline: true }, bob)),
    ).toEqual([]);
    expect((await make(replica, {}, { principal: bob })).model).toBe('bob/portrait');
  });

  it('stays as it is when it is public: nobody else changes or deletes it [MR-42][MR-43]', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica, {}, open);

    const refused = await Promise.all([
      replica.tool(patchWrapper, { wrapper_id: id, patch: { title: 'x' } }, bob),
      replica.tool(deleteWrapper, { wrapper_id: 'ada/portrait' }, bob),
      replica.tool(deleteWrapper, { wrapper_id: id }, bob),
    ]);

    expect(refused.map((result) => errorOf(result)?.code)).toEqual(Array(3).fill('wrapper_not_found'));
    expect((await replica.prepare(id, { subject: 'x' }, bob)).wrapper).toBe('ada/portrait');
  });
});

describe('patch_wrapper', () => {
  it('changes what it names, and refuses a version that is not the newest', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica);

    const changed = await replica.tool(
      patchWrapper,
      { wrapper_id: id, patch: { title: 'B', ...open }, if_version: '1' },
      ada,
    );
    const late = await replica.tool(
      patchWrapper,
      { wrapper_id: id, patch: { title: 'C' }, if_version: '1' },
      ada,
    );
    const asRead = await replica.tool(
      patchWrapper,
      { wrapper_id: id, patch: { title: 'C', version: '1' } },
      ada,
    );
    const again = await replica.tool(patchWrapper, { wrapper_id: id, patch: { title: 'B' } }, ada);

    expect(wrapperOf(changed)).toMatchObject({ version: '2', title: 'B', ...open });
    expect([late, asRead].map((result) => errorOf(result))).toMatchObject(
      Array(2).fill({ code: 'version_conflict', details: { version: '2' } }),
    );
    expect(wrapperOf(again).version).toBe('2');
    expect((await replica.prepare('ada/portrait', { subject: 'x' }, bob)).input).toMatchObject({ count: 2 });
  });

  it('lets one of many concurrent changes of a version through, on any replica', async () => {
    const [one, other] = [await start(), await start()];
    const { wrapper_id: id } = await make(one);

    const results = await Promise.all(
      [one, other, one, other].map((replica, nth) =>
        replica.tool(patchWrapper, { wrapper_id: id, patch: { title: `T${nth}` }, if_version: '1' }, ada),
      ),
    );

    const codes = results.map((result) => errorOf(result)?.code ?? 'done').sort();
    expect(codes).toEqual(['done', 'version_conflict', 'version_conflict', 'version_conflict']);
  });

  it('takes optional fields away by null, and keeps what it would break', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica, { tags: ['x'] });

    const without = await replica.tool(
      patchWrapper,
      { wrapper_id: id, patch: { title: null, tags: null } },
      ada,
    );
    const wrong = await replica.tool(
      patchWrapper,
      { wrapper_id: id, patch: { template: '{{#each a}}{{/each}}' } },
      ada,
    );
    const unknown = await replica.tool(patchWrapper, { wrapper_id: id, patch: { owner: 'bob' } }, ada);

    expect(wrapperOf(without)).toMatchObject({ title: 'portrait', version: '2' });
    expect([wrong, unknown].map((result) => errorOf(result)?.code)).toEqual(
      Array(2).fill('validation_failed'),
    );
    expect((await replica.prepare(id, { subject: 'x' }, ada)).problems).toEqual([]);
  });

  it('moves a wrapper to another alias that is free', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica);
    await make(replica, { alias: 'two' });

    const taken = await replica.tool(patchWrapper, { wrapper_id: id, patch: { alias: 'two' } }, ada);
    const moved = await replica.tool(patchWrapper, { wrapper_id: id, patch: { alias: 'three' } }, ada);

    expect(problemsOf(taken)).toEqual(['alias is that of another wrapper of yours']);
    expect(wrapperOf(moved).model).toBe('ada/three');
    await expect(replica.prepare('ada/portrait', {}, ada)).rejects.toMatchObject({ code: 'model_not_found' });
    expect(idsOf(await replica.tool(searchModels, { mine: true }, ada)).sort()).toEqual([
      'ada/three',
      'ada/two',
    ]);
  });
});

describe('delete_wrapper', () => {
  it('takes a wrapper away, and says the same when it is asked again', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica, {}, open);

    const [first, again] = [
      await replica.tool(deleteWrapper, { wrapper_id: id }, ada),
      await replica.tool(deleteWrapper, { wrapper_id: id }, ada),
    ];

    expect([first, again].map(({ structuredContent }) => structuredContent)).toEqual([
      { deleted: true },
      { deleted: true },
    ]);
    await expect(replica.prepare('ada/portrait', {}, ada)).rejects.toMatchObject({ code: 'model_not_found' });
    expect(idsOf(await replica.tool(searchModels, { mine: true }, ada))).toEqual([]);
    await vi.waitFor(async () => {
      expect(idsOf(await replica.tool(searchModels, { kind: 'wrapper' }, bob))).toEqual([]);
    });
    expect((await make(replica)).model).toBe('ada/portrait');
  });
});

describe('preview_wrapper', () => {
  it('shows the prompt and the input of the base model, and stores nothing [MR-37]', async () => {
    const replica = await start();

    const shown = await replica.tool(
      previewWrapper,
      { definition: portrait, sample_input: { subject: 'a fox', mood: 'noir' } },
      ada,
    );

    expect(shown.structuredContent).toEqual({
      prompt: 'a fox, hard black and white, 85mm',
      mapped_input: { prompt: 'a fox, hard black and white, 85mm', count: 2, quality: 'low' },
      problems: [],
    });
    expect(textOf(shown)).toContain('No problems.');
    expect(idsOf(await replica.tool(searchModels, { mine: true }, ada))).toEqual([]);
  });

  it('takes a draft that names no base model yet', async () => {
    const replica = await start();

    const shown = await replica.tool(
      previewWrapper,
      {
        definition: {
          promptTemplate: '{{subject}}, {{lookup maps.mood mood}}',
          templateContext: portrait.context,
          fieldMappings: { staticValues: { num_outputs: 1 }, omit: ['mood'] },
        },
        sample_input: { subject: 'a fox', mood: 'noir' },
      },
      ada,
    );

    expect(shown.structuredContent).toEqual({
      prompt: 'a fox, hard black and white',
      mapped_input: { prompt: 'a fox, hard black and white', num_outputs: 1 },
      problems: [],
    });
  });

  it('tells what would keep a draft from being stored, beside what it makes', async () => {
    const replica = await start();

    const shown = await replica.tool(
      previewWrapper,
      {
        definition: {
          ...portrait,
          base_models: [{ model: 'p/a', mappings: { static_values: { size: 1 } } }],
        },
        sample_input: { subject: 'x' },
      },
      ada,
    );

    expect(shown.isError).toBeUndefined();
    expect(shown.structuredContent).toMatchObject({
      prompt: 'x, golden light, 85mm',
      problems: [{ path: 'base_models.0.mappings.static_values' }],
    });
  });

  it('shows a stored wrapper to whoever may see it', async () => {
    const replica = await start();
    const { wrapper_id: id } = await make(replica, {}, open);

    const shown = await replica.tool(previewWrapper, { wrapper_id: id, sample_input: { mood: 'warm' } }, bob);

    expect(shown.structuredContent).toMatchObject({
      problems: [{ path: 'subject', message: 'is required' }],
    });
  });

  it('refuses a template that costs too much, within its bounds', async () => {
    const replica = await start();

    const result = await replica.tool(
      previewWrapper,
      { definition: { template: '{{#if a}}'.repeat(5_000) }, sample_input: {} },
      ada,
    );

    expect(errorOf(result)).toMatchObject({ code: 'validation_failed' });
  });
});

describe('wrapper_guide', () => {
  it('is the skill that the server has, whole or by its sections [MR-36]', async () => {
    const replica = await start();

    const whole = await replica.tool(wrapperGuide, {});
    const part = await replica.tool(wrapperGuide, { section: 'mappings' });
    const none = await replica.tool(wrapperGuide, { section: 'cooking' });

    expect(whole.structuredContent.sections).toContain('Mappings');
    expect(String(whole.structuredContent.guide)).toMatch(/^# Build wrappers/);
    expect(String(part.structuredContent.guide)).toMatch(/^## Mappings\n[\s\S]*collect_fields/);
    expect(errorOf(none)?.code).toBe('validation_failed');
  });
});

import { AppError, getModel } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toPortable } from '../sections/portable.ts';
import { errorOf, fake, quick, startReady, textOf } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

describe('get_model', () => {
  const described = modelOf('acme/draw', {
    title: 'Draw',
    summary: 'Draws.',
    readme: 'r'.repeat(1_200),
    examples: [
      { title: 'Cat', input: { prompt: 'cat' }, output: {}, cost: 0.02, capability: 'io:text-to-image' },
      { title: 'Edit', input: { prompt: 'edit' }, output: {}, cost: 0, capability: 'op:edit' },
    ],
  });
  const provider = () => new ScriptedCatalogProvider({ slug: 'p', models: [described] });

  it('is short by default, however much a model has', async () => {
    const choice = (at: number) => Array.from({ length: 60 }, (_, n) => `choice-${at}-${n}`);
    const properties = Object.fromEntries(
      Array.from({ length: 45 }, (_, at) => [
        `field_${at}`,
        { type: 'string', description: 'Says at length what it is for. '.repeat(9), enum: choice(at) },
      ]),
    );
    const large = modelOf('acme/large', {
      summary: 'Does very much. '.repeat(40),
      inputSchema: { type: 'object', required: ['field_7'], properties },
    });
    const replica = await startReady(world, [new ScriptedCatalogProvider({ slug: 'p', models: [large] })]);

    const result = await replica.tool(getModel, { model: 'p/acme/large' });
    const all = await replica.tool(getModel, {
      model: 'p/acme/large',
      sections: ['inputs'],
      max_chars: 60_000,
    });

    expect(Buffer.byteLength(textOf(result))).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify(result.structuredContent))).toBeLessThanOrEqual(1_024);
    // as: the inputs of get_model.
    const [first] = result.structuredContent.inputs as unknown[];
    expect(first).toMatchObject({ name: 'field_7', required: true });
    expect(result.structuredContent.next_action).toContain(
      'get_model(model="p/acme/large", sections=["inputs"])',
    );
    expect(textOf(result)).toContain(String(result.structuredContent.next_action));
    expect(all.structuredContent.inputs).toHaveLength(45);
  });

  it('gives summary, inputs and pricing by default', async () => {
    const replica = await startReady(world, [provider()]);

    const { structuredContent } = await replica.tool(getModel, { model: 'p/acme/draw' });

    expect(Object.keys(structuredContent)).toEqual(['model', 'inputs', 'pricing']);
    expect(structuredContent.model).toMatchObject({ model: 'p/acme/draw', title: 'Draw', summary: 'Draws.' });
    expect(structuredContent.pricing).toMatchObject({
      overview: '$0.01 an image',
      amount: 0.01,
      configurations: [{ configuration: 'Cat', cost: 0.02 }],
    });
  });

  it('gives the sections asked for', async () => {
    const replica = await startReady(world, [provider()]);
    const sections = ['schema', 'output_schema', 'examples', 'readme'];

    const { structuredContent } = await replica.tool(getModel, { model: 'p/acme/draw', sections });

    expect(structuredContent).toMatchObject({
      model: { model: 'p/acme/draw' },
      schema: toPortable(described.inputSchema),
      output_schema: described.outputSchema,
      readme: described.readme,
    });
    expect(structuredContent.examples).toHaveLength(2);
  });

  it('limits the examples to a capability', async () => {
    const replica = await startReady(world, [provider()]);
    const args = { model: 'p/acme/draw', sections: ['examples'], capability: 'op:edit' };

    const { structuredContent } = await replica.tool(getModel, args);

    expect(structuredContent.examples).toEqual([expect.objectContaining({ title: 'Edit' })]);
  });

  it('cuts a long section and continues it at an offset', async () => {
    const replica = await startReady(world, [provider()]);
    const args = { model: 'p/acme/draw', sections: ['readme'], max_chars: 800 };

    const first = await replica.tool(getModel, args);
    const second = await replica.tool(getModel, { ...args, offset: 800 });

    expect(first.structuredContent.truncated).toEqual(['readme']);
    expect(textOf(first)).toContain('Truncated: readme');
    expect(second.structuredContent.truncated).toBeUndefined();
    expect(`${first.structuredContent.readme}${second.structuredContent.readme}`).toBe(described.readme);
  });

  it('takes a native id that one provider knows, whatever slashes it has [X11]', async () => {
    const replica = await startReady(world, [provider(), fake('q', 'other')]);

    const { structuredContent } = await replica.tool(getModel, { model: 'acme/draw' });

    expect(structuredContent.model).toMatchObject({ model: 'p/acme/draw' });
  });

  it('splits an id at the first slash, even when a native id reads the same [X11]', async () => {
    const replica = await startReady(world, [fake('p', 'x'), fake('q', 'p/x')]);

    const { structuredContent } = await replica.tool(getModel, { model: 'p/x' });

    expect(structuredContent.model).toMatchObject({ model: 'p/x', provider: 'p' });
  });

  it.each(['swift-brush', 'p/swift-brush'])(
    'takes %s, another id that a platform takes for its model',
    async (name) => {
      const models = [modelOf('acme:9@1', { aliases: ['swift-brush'] }), modelOf('acme:9@2')];
      const replica = await startReady(world, [new ScriptedCatalogProvider({ slug: 'p', models })]);

      const { structuredContent } = await replica.tool(getModel, { model: name });

      expect(structuredContent.model).toMatchObject({ model: 'p/acme:9@1' });
    },
  );

  it('takes a native id before another model that is called so beside its own', async () => {
    const models = [modelOf('acme:9@1', { aliases: ['swift-brush'] })];
    const other = new ScriptedCatalogProvider({ slug: 'q', models });
    const replica = await startReady(world, [other, fake('p', 'swift-brush')]);

    const { structuredContent } = await replica.tool(getModel, { model: 'swift-brush' });

    expect(structuredContent.model).toMatchObject({ model: 'p/swift-brush' });
  });

  it('answers ambiguous_model with the candidates when several providers know a native id [X11]', async () => {
    const replica = await startReady(world, [fake('p', 'same'), fake('q', 'same')]);

    const error = errorOf(await replica.tool(getModel, { model: 'same' }));

    expect(error?.code).toBe('ambiguous_model');
    expect(error?.details?.candidates).toEqual(['p/same', 'q/same']);
  });

  it('takes the one provider that is connected when several know a native id [X11]', async () => {
    const away = fake('q', 'same');
    away.isReady = false;
    const replica = await startReady(world, [fake('p', 'same'), away]);

    const { structuredContent } = await replica.tool(getModel, { model: 'same' });

    expect(structuredContent.model).toMatchObject({ model: 'p/same' });
  });

  it('answers model_not_found with at most three models that are close [RF-67]', async () => {
    const replica = await startReady(world, [
      fake('p', 'lightning-1', 'lightning-2', 'lightning-3', 'lightning-4', 'thunder'),
    ]);

    const error = errorOf(await replica.tool(getModel, { model: 'p/lihgtning' }));

    expect(error?.code).toBe('model_not_found');
    expect(error?.details?.suggestions).toEqual(['p/lightning-1', 'p/lightning-2', 'p/lightning-3']);
    expect(error?.next_action).toContain('p/lightning-1');
  });

  it('suggests models of the platform that is named, and of all where none is', async () => {
    const replica = await startReady(world, [fake('p', 'lightning-1'), fake('q', 'lightning-2')]);
    const suggestionsFor = async (model: string) =>
      errorOf(await replica.tool(getModel, { model }))?.details?.suggestions;

    expect(await suggestionsFor('q/lightning')).toEqual(['q/lightning-2']);
    // As a mount of p asks for the model of another platform: it could not be run there.
    expect(await suggestionsFor('p/q/lightning-2')).toEqual([]);
    expect(await suggestionsFor('lightning')).toEqual(['p/lightning-1', 'q/lightning-2']);
  });

  it('suggests nothing where nothing is close, and the name without a version where there is one', async () => {
    const replica = await startReady(world, [fake('p', 'owner/sdxl', 'summarize', 'noise-removal')]);
    const errorFor = async (model: string) => errorOf(await replica.tool(getModel, { model }));

    expect((await errorFor('nope/nothing'))?.details?.suggestions).toEqual([]);
    expect(
      (await errorFor('owner/sdxl:39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b'))
        ?.next_action,
    ).toBe('Call again with model="p/owner/sdxl".');
  });

  it('says that nobody can tell while the provider in question has never been read', async () => {
    const away = fake('away', 'a');
    away.failure = new AppError('upstream_unavailable', 'down');
    const replica = await world.startReplica([away], quick);

    for (const model of ['away/a', 'a']) {
      const error = errorOf(await replica.tool(getModel, { model }));
      expect(error).toMatchObject({ code: 'catalog_fetch_failed', retryable: true });
    }
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake, quick, startReady } from '../testing/catalog-calls.ts';
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

describe('prepare_run', () => {
  it('coerces, fills defaults, names the files and quotes', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const prepared = await replica.prepare('a', { prompt: 'x', count: '3', image: 'asset_a' });

    expect(prepared).toEqual({
      model: 'p/a',
      provider: 'p',
      native_id: 'a',
      kind: 'model',
      input: { prompt: 'x', count: 3, quality: 'low', image: 'asset_a' },
      file_fields: ['/image'],
      quote: { currency: 'USD', min: 0.03, max: 0.03, exact: true, unpriced_inputs: [], basis: 'per_image' },
      problems: [],
    });
  });

  it('names every problem and still quotes what it can', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const { problems, quote } = await replica.prepare('p/a', { count: 9, image: '/tmp/a.png' });

    expect(problems.map(({ path }) => path).sort()).toEqual(['count', 'image', 'prompt']);
    expect(quote).toMatchObject({ min: 0.01, exact: false });
    expect(quote.unpriced_inputs.sort()).toEqual(['count', 'image', 'prompt']);
  });

  it('validates against the schema as it is now when the model changes', async () => {
    const provider = fake('p', 'a');
    const replica = await startReady(world, [provider], quick);
    expect((await replica.prepare('p/a', { prompt: 'x' })).problems).toEqual([]);

    provider.models = [
      modelOf('a', { inputSchema: { type: 'object', properties: { text: { type: 'string' } } } }),
    ];

    await vi.waitFor(async () => {
      expect((await replica.prepare('p/a', { prompt: 'x' })).problems).toMatchObject([{ path: 'prompt' }]);
    });
  });

  it('refuses a model whose provider is not connected, with what to do', async () => {
    const provider = fake('p', 'a');
    provider.isReady = false;
    const replica = await startReady(world, [provider]);

    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({
      code: 'provider_not_connected',
      nextAction: 'Set P_API_KEY.',
    });
  });

  it('refuses a model that the provider does not serve now', async () => {
    const models = [modelOf('a', { isLive: false })];
    const replica = await startReady(world, [new ScriptedCatalogProvider({ slug: 'p', models })]);

    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({
      code: 'upstream_unavailable',
    });
  });
});

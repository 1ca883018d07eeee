import { AppError, searchModels } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, fake, idsOf, pageOf, quick, startReady, textOf } from '../testing/catalog-calls.ts';
import { generateModels } from '../testing/generate-models.ts';
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

describe('search_models', () => {
  it('lists the models of every provider, with the facts in text and structure alike', async () => {
    const replica = await startReady(world, [
      new ScriptedCatalogProvider({
        slug: 'one',
        models: [modelOf('a', { summary: 'Draws cats.', isFeatured: true })],
      }),
      fake('two', 'b'),
    ]);

    const result = await replica.tool(searchModels, {});

    expect(idsOf(result)).toEqual(['one/a', 'two/b']);
    expect(result.structuredContent.page).toEqual({ total: 2 });
    expect(textOf(result)).toContain('- one/a: Draws cats. [image, $0.01 an image, featured]');
  });

  it('returns 20 models and a cursor by default', async () => {
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: generateModels(30) });
    const replica = await startReady(world, [provider]);

    const first = await replica.tool(searchModels, {});
    const page = pageOf(first);
    const second = await replica.tool(searchModels, { cursor: page?.next_cursor });

    expect(idsOf(first)).toHaveLength(20);
    expect(new Set([...idsOf(first), ...idsOf(second)]).size).toBe(page?.total);
  });

  it('marks what cannot be run, and shows it only when asked', async () => {
    const provider = new ScriptedCatalogProvider({
      slug: 'p',
      models: [modelOf('on'), modelOf('off', { isLive: false })],
    });
    const replica = await startReady(world, [provider]);

    const all = await replica.tool(searchModels, { include_offline: true });

    expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/on']);
    expect(all.structuredContent.items).toContainEqual(
      expect.objectContaining({ model: 'p/off', live: false }),
    );
    expect(textOf(all)).toContain('not live');
  });

  it('finds nothing of the caller while there are no own wrappers', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    expect(idsOf(await replica.tool(searchModels, { mine: true }))).toEqual([]);
  });

  it('refuses a cursor of another search', async () => {
    const replica = await startReady(world, [fake('p', 'a', 'b')]);
    const cursor = pageOf(await replica.tool(searchModels, { limit: 1 }))?.next_cursor;

    expect(errorOf(await replica.tool(searchModels, { query: 'b', cursor }))?.code).toBe('invalid_cursor');
  });

  it('answers catalog_fetch_failed while no provider has ever answered [RF-68]', async () => {
    const provider = fake('p', 'a');
    provider.failure = new AppError('upstream_unavailable', 'down');
    const replica = await world.startReplica([provider], quick);

    expect(errorOf(await replica.tool(searchModels, {}))?.code).toBe('catalog_fetch_failed');
  });
});

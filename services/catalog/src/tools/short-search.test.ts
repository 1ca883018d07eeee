// Holds that a search nobody asks more of costs at most a kilobyte, as text and as structure.
import { maxShortBytes, searchModels } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idsOf, pageOf, startReady, textOf } from '../testing/catalog-calls.ts';
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

async function startLarge() {
  const long = Array.from({ length: 30 }, (_, at) =>
    modelOf(`somebody-with-a-long-name/a-model-with-a-long-name-in-version-${at}`, {
      summary: 'Écrit en français, avec des accents. '.repeat(9),
      title: 'Ein Titel',
    }),
  );
  const models = [...generateModels(300), ...long];
  return startReady(world, [new ScriptedCatalogProvider({ slug: 'platform', models })]);
}

describe('a search that asks for no more', () => {
  it.each([
    ['nothing in particular', {}],
    ['words', { query: 'image model' }],
    ['words that match long descriptions', { query: 'français accents' }],
    ['facets', { facets: true }],
    ['facets of words', { query: 'image', facets: true }],
    ['what does not exist', { query: 'zzzz' }],
  ])('is short for %s', async (_what, input) => {
    const replica = await startLarge();

    const result = await replica.tool(searchModels, input);

    expect(Buffer.byteLength(textOf(result))).toBeLessThanOrEqual(maxShortBytes);
    expect(Buffer.byteLength(JSON.stringify(result.structuredContent))).toBeLessThanOrEqual(maxShortBytes);
  });

  it('tells of the best hits what they need, and has the rest on further pages', async () => {
    const replica = await startLarge();
    const seen: string[] = [];
    let cursor: string | undefined;

    const first = await replica.tool(searchModels, { query: 'image' });
    do {
      const page = await replica.tool(searchModels, {
        query: 'image',
        ...(cursor === undefined ? {} : { cursor }),
      });
      seen.push(...idsOf(page));
      // as: the page of search_models.
      cursor = pageOf(page)?.next_cursor as string | undefined;
    } while (cursor !== undefined);

    expect(first.structuredContent.items).toContainEqual(
      expect.objectContaining({ needs: 'prompt', summary: expect.any(String) }),
    );
    expect(textOf(first)).toContain('needs: prompt');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(pageOf(first)?.total);
  });

  it('says what to do next when nothing is found, in text and structure', async () => {
    const replica = await startLarge();

    const result = await replica.tool(searchModels, { query: 'zzzz' });

    expect(result.structuredContent.hint).toContain('facets=true');
    expect(textOf(result)).toContain(String(result.structuredContent.hint));
  });

  it('shows all of each model to whoever gives a limit', async () => {
    const replica = await startLarge();

    const result = await replica.tool(searchModels, { limit: 40 });

    expect(idsOf(result)).toHaveLength(40);
    expect(result.structuredContent.items).toMatchObject(Array(40).fill({ summary: expect.any(String) }));
  });
});

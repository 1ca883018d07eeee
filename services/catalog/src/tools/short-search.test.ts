// Holds that a search nobody asks more of costs at most a kilobyte, as text and as structure.
import { type JsonObject, localPrincipal, maxShortBytes, searchModels } from '@inferry/contracts';
import { profiles, toolOf } from '@inferry/profiles';
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

const long = Array.from({ length: 30 }, (_, at) =>
  modelOf(`somebody-with-a-long-name/a-model-with-a-long-name-in-version-${at}`, {
    summary: 'Écrit en français, avec des accents. '.repeat(9),
    title: 'Ein Titel',
  }),
);
const largeList = [...generateModels(300), ...long];

/** Every tool of every profile that is a search. */
const searches = profiles
  .flatMap(({ tools }) => tools)
  .filter(({ operation }) => operation.name === searchModels.name)
  .map(({ id }) => id);
/** What some of them cannot be called without. */
const needed: JsonObject = { query: 'image', category: 'image' };

const startLarge = () =>
  startReady(world, [new ScriptedCatalogProvider({ slug: 'platform', models: largeList })]);

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

  it.each(searches)('is short of a large platform by %s', async (id) => {
    const slugs = ['runflow', 'runware', 'modelrunner', 'platform'];
    const providers = slugs.map((slug) => new ScriptedCatalogProvider({ slug, models: largeList }));
    const replica = await startReady(world, providers);
    const tool = toolOf(id);
    if (tool === undefined) throw new Error(`there is no ${id}`);
    const { required = [] } = tool.inputSchema;
    const args = Object.fromEntries(
      Object.entries(needed).filter(([name]) => [required].flat().includes(name)),
    );

    const result = JSON.parse(await replica.bus.callTool(tool, args, { principal: localPrincipal }));

    expect(result.isError ?? false).toBe(false);
    expect(Buffer.byteLength(textOf(result))).toBeLessThanOrEqual(maxShortBytes);
  });

  it('shows 50 of a list of Runflow in its structure, as many as fit in its text, and so many as a limit says [RF-38]', async () => {
    const replica = await startReady(world, [
      new ScriptedCatalogProvider({ slug: 'runflow', models: largeList }),
    ]);
    const tool = toolOf('runflow/list_models');
    if (tool === undefined) throw new Error('there is no list');
    const list = async (args: JsonObject) =>
      JSON.parse(await replica.bus.callTool(tool, args, { principal: localPrincipal }));

    const [usual, asked] = [await list({}), await list({ limit: 60 })];

    expect([usual, asked].map(({ structuredContent: { models } }) => models.length)).toEqual([50, 60]);
    expect(textOf(usual)).toMatch(/\n\d+ of 324 shown\.\nNarrow the list for the others, or give a limit\.$/);
    expect(textOf(asked).split('\n')).toHaveLength(61);
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

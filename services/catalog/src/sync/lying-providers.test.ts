import { catalogChanged, getModel, searchModels } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { countOf, fake, idsOf, startReady } from '../testing/catalog-calls.ts';
import { generateModels } from '../testing/generate-models.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

let world: CatalogWorld;
let now: number;
beforeEach(async () => {
  world = await openCatalogWorld();
  now = 1_000_000_000;
});
afterEach(async () => {
  await world.close();
});

const minute = 60_000;
const many = generateModels(30);

function start(provider: ScriptedCatalogProvider): Promise<CatalogReplica> {
  return startReady(world, [provider], { now: () => now, syncIntervalMs: 30, rereadMs: 30 });
}

/** Time goes by until the provider was asked again and its answer is in. */
async function nextSync(provider: ScriptedCatalogProvider, byMs = minute): Promise<void> {
  const asked = provider.listCalls;
  now += byMs;
  await vi.waitFor(() => expect(provider.listCalls).toBeGreaterThan(asked), 10_000);
  // One list at a time: when the next one is asked for, the last one has been taken in.
  await vi.waitFor(() => {
    now += 16_000;
    expect(provider.listCalls).toBeGreaterThan(asked + 1);
  }, 10_000);
}

const isStale = async (replica: CatalogReplica) =>
  (await replica.tool(searchModels, { limit: 1 })).structuredContent.stale === true;

describe('a list that is suddenly empty', () => {
  it('is not believed for an hour: the models stay, are run, and are told to be stale', async () => {
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: [modelOf('a'), modelOf('b')] });
    const replica = await start(provider);
    provider.models = [];
    await nextSync(provider);
    await nextSync(provider, 30 * minute);

    expect(await countOf(replica, 'p')).toBe(2);
    expect(await isStale(replica)).toBe(true);
    expect((await replica.prepare('p/a', { prompt: 'x' })).problems).toEqual([]);
  });

  it('is forgotten when the models are back', async () => {
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: many });
    const replica = await start(provider);
    const changes: unknown[] = [];
    provider.models = [];
    await nextSync(provider);
    replica.bus.on(catalogChanged, (change) => changes.push(change));

    provider.models = many;
    await nextSync(provider);

    await vi.waitFor(async () => expect(await isStale(replica)).toBe(false));
    expect(await countOf(replica, 'p')).toBe(30);
    // Its state is told once; its models never changed.
    expect(changes).toHaveLength(1);
  });

  it('is the truth once it has lasted for an hour', async () => {
    const provider = fake('p', 'a');
    const replica = await start(provider);
    provider.models = [];
    await nextSync(provider);

    await nextSync(provider, 61 * minute);

    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(0));
    expect((await replica.tool(getModel, { model: 'p/a' })).structuredContent.model).toMatchObject({
      live: false,
      summary: expect.stringContaining('No longer offered'),
    });
  });
});

describe('a list that lacks more than half', () => {
  it('adds and changes models, and takes none away', async () => {
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: many });
    const replica = await start(provider);
    const [first, ...rest] = many.slice(0, 10);
    provider.models = [{ ...first, title: 'Renamed thing' } as ProviderModel, ...rest, modelOf('brand-new')];
    await nextSync(provider);

    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(31));
    expect(idsOf(await replica.tool(searchModels, { query: 'renamed thing' }))[0]).toBe(
      `p/${first?.nativeId}`,
    );
    expect(await isStale(replica)).toBe(true);
  });

  it('of a few models is believed at once', async () => {
    const provider = fake('p', 'a', 'b', 'c', 'd');
    const replica = await start(provider);

    provider.models = [modelOf('d')];
    await nextSync(provider);

    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(1));
  });
});

describe('what a provider lists wrongly', () => {
  it('keeps a model as it was while its entry is malformed or too large', async () => {
    const provider = fake('p', 'a', 'b', 'c');
    const replica = await start(provider);
    // as: what a module of somebody else may give.
    const malformed = { nativeId: 'a', title: 7 } as unknown as ProviderModel;
    provider.models = [
      malformed,
      modelOf('b', { readme: 'x'.repeat(600 * 1_024) }),
      modelOf('c'),
      modelOf('d'),
    ];
    await nextSync(provider);

    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(4));
    expect((await replica.prepare('p/a', { prompt: 'x' })).problems).toEqual([]);
  });

  it('takes the first of two models with one id, every time', async () => {
    const provider = new ScriptedCatalogProvider({
      slug: 'p',
      models: [modelOf('a', { title: 'First' }), modelOf('b'), modelOf('a', { title: 'Second' })],
    });
    const changes: unknown[] = [];
    const replica = await world.startReplica([provider], {
      now: () => now,
      syncIntervalMs: 30,
      rereadMs: 30,
    });
    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(2));
    replica.bus.on(catalogChanged, (change) => changes.push(change));
    await nextSync(provider);
    await nextSync(provider);

    const { structuredContent } = await replica.tool(getModel, { model: 'p/a' });
    expect(structuredContent.model).toMatchObject({ title: 'First' });
    expect(changes).toEqual([]);
  });

  it.each([
    ['nothing', undefined],
    ['a list without models', { etag: '1' }],
    ['text', 'models'],
    ['no change of what it never told', 'unchanged'],
  ])('is a failure of it alone when it answers %s', async (_what, answer) => {
    const good = fake('good', 'a');
    const bad = fake('bad', 'b');
    // as: what a module of somebody else may give.
    bad.listModels = async () => answer as never;
    const replica = await world.startReplica([good, bad], { syncIntervalMs: 30, rereadMs: 30 });
    await vi.waitFor(async () => expect(await countOf(replica, 'good')).toBe(1));

    expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['good/a']);
    const { isError } = await replica.tool(searchModels, { provider: 'bad' });
    expect(isError).toBe(true);
  });
});

import {
  AppError,
  estimateCost,
  getModel,
  localPrincipal,
  type Principal,
  Secret,
  searchModels,
  surfaceOf,
} from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProviderKey, ProviderKeys } from '../provider-keys.ts';
import { AskingProvider } from '../testing/asking-provider.ts';
import { errorOf, idsOf, pageOf, startReady } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const ada: Principal = { ...localPrincipal, subject: 'ada', grant_id: 'grant_ada' };
const bob: Principal = { ...localPrincipal, subject: 'bob', grant_id: 'grant_bob' };
const eve: Principal = { ...localPrincipal, subject: 'eve', grant_id: 'grant_eve' };

let world: CatalogWorld;
let platform: AskingProvider;
let replica: CatalogReplica;
let keysOf: Map<string, ProviderKey>;
let vaultIsAway: boolean;
let now: number;

const keys: ProviderKeys = {
  async get(_provider, { subject }) {
    if (vaultIsAway) throw new AppError('unavailable', 'nobody answers');
    return keysOf.get(subject);
  },
};

beforeEach(async () => {
  world = await openCatalogWorld();
  platform = new AskingProvider({ slug: 'p', models: [modelOf('shared/draw')] });
  platform.owned.set('key-a', [modelOf('ep-ada', { title: 'Adas endpoint', kind: 'endpoint' })]);
  platform.owned.set('key-b', [modelOf('ep-bob', { title: 'Bobs endpoint', kind: 'endpoint' })]);
  keysOf = new Map([
    ['ada', { credential: new Secret('key-a'), connectionId: 'conn_a' }],
    ['bob', { credential: new Secret('key-b'), connectionId: 'conn_b' }],
  ]);
  vaultIsAway = false;
  now = 1_000_000_000;
  replica = await startReady(world, [platform], { keys, now: () => now, syncIntervalMs: 86_400_000 });
});
afterEach(async () => {
  await world.close();
});

const found = async (principal: Principal, args: object = {}) =>
  idsOf(await replica.tool(searchModels, { ...args }, principal)).sort();

describe('two tenants', () => {
  it('each find what is shared and their own, by words, filters and facets', async () => {
    expect(await found(ada)).toEqual(['p/ep-ada', 'p/shared/draw']);
    expect(await found(bob)).toEqual(['p/ep-bob', 'p/shared/draw']);
    expect(await found(eve)).toEqual(['p/shared/draw']);

    expect(await found(bob, { query: 'adas endpoint' })).not.toContain('p/ep-ada');
    expect(await found(ada, { query: 'adas endpoint' })).toContain('p/ep-ada');
    expect(await found(bob, { mine: true })).toEqual(['p/ep-bob']);
    expect(await found(eve, { mine: true })).toEqual([]);
    const { structuredContent } = await replica.tool(searchModels, { facets: true }, eve);
    expect(structuredContent.facets).toMatchObject({ kind: { model: 1 }, provider: { p: 1 } });
    expect(JSON.stringify(structuredContent)).not.toContain('endpoint');
  });

  it('describe, price and prepare their own, and meet an unknown model in the other one', async () => {
    const unknown = errorOf(await replica.tool(getModel, { model: 'p/ep-nobody' }, bob));
    const foreign = errorOf(await replica.tool(getModel, { model: 'p/ep-ada' }, bob));

    expect((await replica.tool(getModel, { model: 'p/ep-ada' }, ada)).isError).toBeUndefined();
    expect(await replica.prepare('p/ep-ada', { prompt: 'x' }, ada)).toMatchObject({ native_id: 'ep-ada' });
    expect(await replica.prepare('ep-ada', { prompt: 'x' }, ada)).toMatchObject({ model: 'p/ep-ada' });
    const quote = await replica.tool(estimateCost, { model: 'p/ep-ada' }, ada);
    expect(quote.structuredContent).toMatchObject({ currency: 'USD' });
    expect(foreign).toEqual(unknown);
    for (const model of ['p/ep-ada', 'ep-ada']) {
      await expect(replica.prepare(model, { prompt: 'x' }, bob)).rejects.toMatchObject({
        code: 'model_not_found',
      });
      expect(errorOf(await replica.tool(estimateCost, { model }, eve))?.code).toBe('model_not_found');
    }
  });

  it('read the schema of their own as a resource, and nobody else does', async () => {
    const surface = surfaceOf('catalog');
    const read = (principal: Principal) =>
      replica.bus.call(surface.readResource, { uri: 'inferry://models/p/ep-ada/schema' }, { principal });

    await expect(read(ada)).resolves.toBeDefined();
    await expect(read(bob)).rejects.toMatchObject({ code: 'resource_not_found' });
  });

  it('with one connection see the same, asked for once', async () => {
    const shared = keysOf.get('ada');
    if (shared !== undefined) keysOf.set('eve', shared);

    await Promise.all([found(ada), found(eve), found(ada)]);

    expect(await found(eve)).toContain('p/ep-ada');
    expect(platform.ownListCalls).toBe(1);
  });
});

describe('own models', () => {
  it('of a key that was replaced are gone with it', async () => {
    await found(ada);
    keysOf.set('ada', { credential: new Secret('key-new'), connectionId: 'conn_a' });

    expect(await found(ada)).toEqual(['p/shared/draw']);
  });

  it('made a moment ago are found after a minute', async () => {
    await found(ada);
    platform.owned.set('key-a', [modelOf('ep-ada'), modelOf('ep-second')]);
    now += 61_000;

    await vi.waitFor(async () => expect(await found(ada)).toContain('p/ep-second'));
  });

  it('are shown while the platform is away, and told to be missing when they never were seen', async () => {
    await found(ada);
    platform.awayWith = new AppError('upstream_unavailable', 'down');
    now += 61_000;

    const known = await replica.tool(searchModels, {}, ada);
    const unseen = await replica.tool(searchModels, {}, bob);

    expect(idsOf(known)).toContain('p/ep-ada');
    expect(unseen.structuredContent).toMatchObject({ stale: true });
    expect(pageOf(unseen)?.total).toBe(1);
    await expect(replica.prepare('p/ep-bob', {}, bob)).rejects.toMatchObject({
      code: 'catalog_fetch_failed',
    });
  });

  it('of a platform that takes its time do not hold a search up, and are there for the next', async () => {
    const held = Promise.withResolvers<void>();
    platform.heldBy = held.promise;

    const first = await replica.tool(searchModels, {}, ada);
    held.resolve();

    expect(first.structuredContent).toMatchObject({ stale: true });
    expect(idsOf(first)).toEqual(['p/shared/draw']);
    await vi.waitFor(async () => expect(await found(ada)).toContain('p/ep-ada'));
    expect(platform.ownListCalls).toBe(1);
  });

  it('are not shown to somebody whose key nobody can tell', async () => {
    await found(ada);
    vaultIsAway = true;

    expect(await found(ada)).toEqual(['p/shared/draw']);
  });

  it('never take the place of what everybody sees', async () => {
    platform.owned.set('key-a', [modelOf('shared/draw', { title: 'Mine' })]);

    const { structuredContent } = await replica.tool(getModel, { model: 'p/shared/draw' }, ada);

    expect(structuredContent.model).toMatchObject({ title: 'shared/draw' });
  });

  it('whose list is a summary are described with the same key', async () => {
    platform.owned.set('key-a', [modelOf('ep-ada', { inputSchema: {}, schemaState: 'summary' })]);
    platform.details.set('ep-ada', modelOf('ep-ada'));

    const prepared = await replica.prepare('p/ep-ada', { prompt: 'x', count: 9 }, ada);
    await replica.prepare('p/ep-ada', { prompt: 'x' }, ada);

    expect(prepared.problems).toMatchObject([{ path: 'count' }]);
    expect(platform.described).toEqual(['ep-ada']);
    expect(new Set(platform.keys)).toEqual(new Set(['key-a']));
  });
});

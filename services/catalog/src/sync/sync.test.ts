import { AppError, catalogChanged, getModel, Secret, searchModels } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { countOf, fake, idsOf, quick, startReady } from '../testing/catalog-calls.ts';
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

describe('sync', () => {
  it('is ready as soon as one provider has a snapshot, even if another fails', async () => {
    const down = fake('q');
    down.failure = new AppError('upstream_unavailable', 'down');

    const replica = await startReady(world, [fake('p', 'a')]);
    const other = await world.startReplica([down]);

    expect((await replica.service.readiness()).isReady).toBe(true);
    expect((await other.service.readiness()).problems).toHaveProperty('catalog');
  });

  it('has the upstream asked by one of two replicas, and both show what it said', async () => {
    const provider = fake('p', 'a');
    await Promise.all([startReady(world, [provider]), startReady(world, [provider])]);

    expect(provider.listCalls).toBe(1);
  });

  it('shows a change on both replicas', async () => {
    const provider = fake('p', 'a');
    const [first, second] = await Promise.all([
      startReady(world, [provider], quick),
      startReady(world, [provider], quick),
    ]);

    provider.models = [modelOf('b')];

    await vi.waitFor(async () => {
      // Calls go to either replica in turn.
      const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => first.tool(searchModels, {})));
      expect(results.map(idsOf)).toEqual(results.map(() => ['p/b']));
    });
    expect((await second.service.readiness()).isReady).toBe(true);
  });

  it('tells everybody when a snapshot changed, with a version that grows', async () => {
    const versions: number[] = [];
    const provider = fake('p', 'a');
    const replica = await world.startReplica([provider], quick);
    replica.bus.on(catalogChanged, ({ version }) => versions.push(version));

    await vi.waitFor(() => expect(versions).toEqual([1]));
    provider.models = [modelOf('a', { title: 'New' })];

    await vi.waitFor(() => expect(versions).toEqual([1, 2]));
  });

  it('does not announce or write what the provider repeats under a new etag', async () => {
    const versions: number[] = [];
    const provider = fake('p', 'a');
    const replica = await startReady(world, [provider], quick);
    replica.bus.on(catalogChanged, ({ version }) => versions.push(version));
    const before = provider.listCalls;

    provider.models = [modelOf('a')];

    await vi.waitFor(() => expect(provider.listCalls).toBeGreaterThan(before + 2));
    expect(versions).toEqual([]);
  });

  it('serves the stored snapshot to a replica that starts while the provider is down', async () => {
    const provider = fake('p', 'a');
    const first = await startReady(world, [provider]);
    await first.service.close();
    provider.failure = new AppError('upstream_unavailable', 'down');

    const second = await startReady(world, [provider]);

    expect(idsOf(await second.tool(searchModels, {}))).toEqual(['p/a']);
  });

  it('answers its first call with what is stored, as the replicas beside it do', async () => {
    const first = await startReady(world, [fake('p', 'a')]);
    await first.service.close();
    await first.bus.drain(0);

    const second = await world.startReplica([fake('p', 'a')]);
    const found = await second.tool(searchModels, {});

    expect(idsOf(found)).toEqual(['p/a']);
  });

  it('marks the answer stale while a provider fails, and no longer once it answers', async () => {
    const provider = fake('p', 'a');
    const other = fake('q', 'b');
    const replica = await startReady(world, [provider, other], quick);

    provider.failure = new AppError('upstream_unavailable', 'down');

    await vi.waitFor(async () => {
      const result = await replica.tool(searchModels, {});
      expect(result.structuredContent.stale).toBe(true);
      expect(idsOf(result)).toEqual(['p/a', 'q/b']);
    });
    expect((await replica.tool(searchModels, { provider: 'q' })).structuredContent.stale).toBeUndefined();

    provider.failure = undefined;

    await vi.waitFor(async () => {
      expect((await replica.tool(searchModels, {})).structuredContent.stale).toBeUndefined();
    });
  });

  it('marks the answer stale when the last check is long ago, though nobody recorded a failure', async () => {
    let clock = 1_000_000;
    const replica = await startReady(world, [fake('p', 'a')], { now: () => clock, syncIntervalMs: 60_000 });

    clock += 181_000;

    expect((await replica.tool(searchModels, {})).structuredContent.stale).toBe(true);
  });

  it('keeps a deleted model for old runs, marked as not live, and out of the search', async () => {
    const provider = fake('p', 'a', 'b');
    const replica = await startReady(world, [provider], quick);

    provider.models = [modelOf('b')];

    await vi.waitFor(async () => expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/b']));
    const { structuredContent } = await replica.tool(getModel, { model: 'p/a' });
    expect(structuredContent.model).toMatchObject({ model: 'p/a', live: false });
    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('takes a deleted model back when the provider lists it again', async () => {
    const provider = fake('p', 'a', 'b');
    const replica = await startReady(world, [provider], quick);
    provider.models = [modelOf('b')];
    await vi.waitFor(async () => expect(await countOf(replica, 'p')).toBe(1));

    provider.models = [modelOf('a'), modelOf('b')];

    await vi.waitFor(async () => expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/a', 'p/b']));
    expect((await replica.prepare('p/a', { prompt: 'x' })).problems).toEqual([]);
  });

  it('leaves a malformed model out and keeps the others', async () => {
    // as: what a provider module of somebody else may send.
    const broken = { ...modelOf('broken'), tags: undefined } as unknown as ProviderModel;
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: [broken, modelOf('a')] });
    const replica = await world.startReplica([provider]);

    await vi.waitFor(async () => expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/a']));
  });

  it('keeps other providers current while one never answers', async () => {
    const hanging = fake('p', 'a');
    hanging.isHanging = true;
    const other = fake('q', 'b');
    const replica = await world.startReplica([hanging, other], quick);

    await vi.waitFor(async () => expect(await countOf(replica, 'q')).toBe(1));
    other.models = [modelOf('b'), modelOf('c')];

    await vi.waitFor(async () => expect(await countOf(replica, 'q')).toBe(2));
  });

  it('stops in the middle of a list without calling the provider stale', async () => {
    const provider = fake('p', 'a');
    const first = await startReady(world, [provider], quick);
    provider.isHanging = true;
    const calls = provider.listCalls;
    await vi.waitFor(() => expect(provider.listCalls).toBeGreaterThan(calls));

    await first.service.close();

    const rows = await world.database.queries.selectFrom('catalog_snapshots').select('error').execute();
    expect(rows).toEqual([{ error: null }]);
  });

  it('tries again after a failed first list', async () => {
    const provider = fake('p', 'a');
    provider.failure = new AppError('upstream_unavailable', 'down');
    const replica = await world.startReplica([provider], quick);
    await vi.waitFor(() => expect(provider.listCalls).toBeGreaterThan(1));

    provider.failure = undefined;

    await vi.waitFor(async () => expect((await replica.service.readiness()).isReady).toBe(true));
  });

  it('tries again two seconds after the first failure, however long the interval is', async () => {
    const provider = fake('p', 'a');
    provider.failure = new AppError('upstream_unavailable', 'down');

    await world.startReplica([provider], { syncIntervalMs: 3_600_000 });

    await vi.waitFor(() => expect(provider.listCalls).toBe(2), { timeout: 5_000 });
  });

  it('lists the models of a large catalog on every replica', async () => {
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: generateModels(2_500) });

    const [first] = await Promise.all([startReady(world, [provider]), startReady(world, [provider])]);

    expect(await countOf(first, 'p')).toBe(2_500);
  });

  it('asks each provider with the key of the deployment, and without one when nobody can tell it', async () => {
    const seen: unknown[] = [];
    const provider = fake('p', 'a');
    const list = provider.listModels.bind(provider);
    provider.listModels = (context, etag) => {
      seen.push([context.credential?.reveal(), context.baseUrl]);
      return list(context, etag);
    };
    const key = {
      credential: new Secret('key-of-all'),
      connectionId: 'c',
      baseUrl: 'https://eu.example.com',
    };
    const keys = {
      get: async (_slug: string, { subject }: { subject: string }) =>
        subject === 'inferry:catalog' ? key : undefined,
    };
    const away = { get: async () => Promise.reject(new AppError('unavailable', 'nobody answers')) };

    await startReady(world, [provider], { keys });
    await startReady(world, [provider], { ...quick, keys: away });

    await vi.waitFor(() => expect(seen).toContainEqual([undefined, undefined]));
    expect(seen[0]).toEqual(['key-of-all', 'https://eu.example.com']);
  });
});

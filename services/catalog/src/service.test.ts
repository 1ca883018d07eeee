import {
  AppError,
  type Budget,
  catalogChanged,
  estimateCost,
  getModel,
  type JsonObject,
  listProviders,
  localPrincipal,
  readBudgets,
  searchModels,
  type ToolResult,
} from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateModels } from './testing/generate-models.ts';
import { modelOf } from './testing/model-of.ts';
import { ScriptedCatalogProvider } from './testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from './testing/start-catalog.ts';

let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

const fake = (slug: string, ...ids: string[]) =>
  new ScriptedCatalogProvider({ slug, models: ids.map((id) => modelOf(id)) });

/** Fast enough for a test to wait for, without a test that depends on it. */
const quick = { syncIntervalMs: 40, rereadMs: 40 };

async function startReady(providers: ScriptedCatalogProvider[], options = {}): Promise<CatalogReplica> {
  const replica = await world.startReplica(providers, options);
  await vi.waitFor(async () => expect((await replica.service.readiness()).isReady).toBe(true));
  for (const { slug, models } of providers) {
    await vi.waitFor(async () => expect(await countOf(replica, slug)).toBe(models.length));
  }
  return replica;
}

async function countOf(replica: CatalogReplica, provider: string): Promise<unknown> {
  const { structuredContent } = await replica.tool(searchModels, { provider, include_offline: true });
  // as: the contract's page.
  return (structuredContent.page as JsonObject | undefined)?.total;
}

function idsOf({ structuredContent }: ToolResult): string[] {
  // as: the contract's items.
  return ((structuredContent.items as { model: string }[] | undefined) ?? []).map(({ model }) => model);
}

function errorOf({ structuredContent }: ToolResult) {
  // as: the contract's error; undefined when there is none.
  return structuredContent.error as { code: string; next_action?: string; details?: JsonObject } | undefined;
}

function textOf({ content }: ToolResult): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
}

describe('search_models', () => {
  it('lists the models of every provider, with the facts in text and structure alike', async () => {
    const replica = await startReady([
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
    const replica = await startReady([provider]);

    const first = await replica.tool(searchModels, {});
    const page = first.structuredContent.page as JsonObject;
    const second = await replica.tool(searchModels, { cursor: page.next_cursor });

    expect(idsOf(first)).toHaveLength(20);
    expect(new Set([...idsOf(first), ...idsOf(second)]).size).toBe(page.total);
  });

  it('marks what cannot be run, and shows it only when asked', async () => {
    const provider = new ScriptedCatalogProvider({
      slug: 'p',
      models: [modelOf('on'), modelOf('off', { isLive: false })],
    });
    const replica = await startReady([provider]);

    const all = await replica.tool(searchModels, { include_offline: true });

    expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/on']);
    expect(all.structuredContent.items).toContainEqual(
      expect.objectContaining({ model: 'p/off', live: false }),
    );
    expect(textOf(all)).toContain('not live');
  });

  it('finds nothing of the caller while there are no own wrappers', async () => {
    const replica = await startReady([fake('p', 'a')]);

    expect(idsOf(await replica.tool(searchModels, { mine: true }))).toEqual([]);
  });

  it('refuses a cursor of another search', async () => {
    const replica = await startReady([fake('p', 'a', 'b')]);
    const { structuredContent } = await replica.tool(searchModels, { limit: 1 });
    const cursor = (structuredContent.page as JsonObject).next_cursor;

    expect(errorOf(await replica.tool(searchModels, { query: 'b', cursor }))?.code).toBe('invalid_cursor');
  });

  it('answers catalog_fetch_failed while no provider has ever answered (RF-68)', async () => {
    const provider = fake('p', 'a');
    provider.failure = new AppError('upstream_unavailable', 'down');
    const replica = await world.startReplica([provider], quick);

    expect(errorOf(await replica.tool(searchModels, {}))?.code).toBe('catalog_fetch_failed');
  });
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

  it('gives summary, inputs and pricing by default', async () => {
    const replica = await startReady([provider()]);

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
    const replica = await startReady([provider()]);
    const sections = ['schema', 'output_schema', 'examples', 'readme'];

    const { structuredContent } = await replica.tool(getModel, { model: 'p/acme/draw', sections });

    expect(structuredContent).toMatchObject({
      model: { model: 'p/acme/draw' },
      schema: described.inputSchema,
      output_schema: described.outputSchema,
      readme: described.readme,
    });
    expect(structuredContent.examples).toHaveLength(2);
  });

  it('limits the examples to a capability', async () => {
    const replica = await startReady([provider()]);
    const args = { model: 'p/acme/draw', sections: ['examples'], capability: 'op:edit' };

    const { structuredContent } = await replica.tool(getModel, args);

    expect(structuredContent.examples).toEqual([expect.objectContaining({ title: 'Edit' })]);
  });

  it('cuts a long section and continues it at an offset', async () => {
    const replica = await startReady([provider()]);
    const args = { model: 'p/acme/draw', sections: ['readme'], max_chars: 800 };

    const first = await replica.tool(getModel, args);
    const second = await replica.tool(getModel, { ...args, offset: 800 });

    expect(first.structuredContent.truncated).toEqual(['readme']);
    expect(textOf(first)).toContain('Truncated: readme');
    expect(second.structuredContent.truncated).toBeUndefined();
    expect(`${first.structuredContent.readme}${second.structuredContent.readme}`).toBe(described.readme);
  });

  it('takes a native id that one provider knows, whatever slashes it has (X11)', async () => {
    const replica = await startReady([provider(), fake('q', 'other')]);

    const { structuredContent } = await replica.tool(getModel, { model: 'acme/draw' });

    expect(structuredContent.model).toMatchObject({ model: 'p/acme/draw' });
  });

  it('splits an id at the first slash, even when a native id reads the same (X11)', async () => {
    const replica = await startReady([fake('p', 'x'), fake('q', 'p/x')]);

    const { structuredContent } = await replica.tool(getModel, { model: 'p/x' });

    expect(structuredContent.model).toMatchObject({ model: 'p/x', provider: 'p' });
  });

  it('answers ambiguous_model with the candidates when several providers know a native id (X11)', async () => {
    const replica = await startReady([fake('p', 'same'), fake('q', 'same')]);

    const error = errorOf(await replica.tool(getModel, { model: 'same' }));

    expect(error?.code).toBe('ambiguous_model');
    expect(error?.details?.candidates).toEqual(['p/same', 'q/same']);
  });

  it('takes the one provider that is connected when several know a native id (X11)', async () => {
    const away = fake('q', 'same');
    away.isReady = false;
    const replica = await startReady([fake('p', 'same'), away]);

    const { structuredContent } = await replica.tool(getModel, { model: 'same' });

    expect(structuredContent.model).toMatchObject({ model: 'p/same' });
  });

  it('answers model_not_found with at most three models that are close (RF-67)', async () => {
    const replica = await startReady([
      fake('p', 'lightning-1', 'lightning-2', 'lightning-3', 'lightning-4', 'thunder'),
    ]);

    const error = errorOf(await replica.tool(getModel, { model: 'p/lihgtning' }));

    expect(error?.code).toBe('model_not_found');
    expect(error?.details?.suggestions).toEqual(['p/lightning-1', 'p/lightning-2', 'p/lightning-3']);
    expect(error?.next_action).toContain('p/lightning-1');
  });
});

describe('prepare_run', () => {
  it('coerces, fills defaults, names the files and quotes', async () => {
    const replica = await startReady([fake('p', 'a')]);

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
    const replica = await startReady([fake('p', 'a')]);

    const { problems, quote } = await replica.prepare('p/a', { count: 9, image: '/tmp/a.png' });

    expect(problems.map(({ path }) => path).sort()).toEqual(['count', 'image', 'prompt']);
    expect(quote).toMatchObject({ min: 0.01, exact: false });
    expect(quote.unpriced_inputs.sort()).toEqual(['count', 'image', 'prompt']);
  });

  it('validates against the schema as it is now when the model changes', async () => {
    const provider = fake('p', 'a');
    const replica = await startReady([provider], quick);
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
    const replica = await startReady([provider]);

    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({
      code: 'provider_not_connected',
      nextAction: 'Set P_API_KEY.',
    });
  });

  it('refuses a model that the provider does not serve now', async () => {
    const models = [modelOf('a', { isLive: false })];
    const replica = await startReady([new ScriptedCatalogProvider({ slug: 'p', models })]);

    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({
      code: 'upstream_unavailable',
    });
  });
});

describe('estimate_cost', () => {
  function serveBudgets(budgets: Budget[]): void {
    // Whoever owns the budgets is another service: this one only asks.
    const owner = world.busOf('inference-poller');
    owner.serve(readBudgets, async () => ({ budgets }));
  }

  it('multiplies an exact quote by the count', async () => {
    const replica = await startReady([fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, {
      model: 'p/a',
      input: { prompt: 'x', count: 3 },
      count: 10,
    });

    expect(structuredContent).toEqual({
      currency: 'USD',
      exact: true,
      unpriced_inputs: [],
      basis: 'per_image',
      min: 0.3,
      max: 0.3,
      allowed: true,
    });
  });

  it('spans the choices that are open when there is no input', async () => {
    const replica = await startReady([fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a' });

    expect(structuredContent).toMatchObject({
      min: 0.01,
      max: 0.4,
      exact: false,
      unpriced_inputs: ['prompt'],
    });
    expect(structuredContent).not.toHaveProperty('allowed');
    expect(structuredContent).not.toHaveProperty('validation');
  });

  it('names what is wrong with an input and spans the prices that it may still have', async () => {
    const replica = await startReady([fake('p', 'a')]);

    const result = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x', count: 99 } });

    expect(result.structuredContent).toMatchObject({
      min: 0.01,
      max: 0.04,
      exact: false,
      unpriced_inputs: ['count'],
      validation: [{ path: 'count', message: 'is too large', hint: '1 to 4' }],
      allowed: false,
    });
    expect(textOf(result)).toContain('count: is too large (1 to 4)');
  });

  it('tells what the tightest budget of the same currency leaves, and refuses what exceeds it', async () => {
    serveBudgets([
      { scope: 'subject', currency: 'USD', limit: 10, spent: 1, reserved: 1 },
      { scope: 'subject', currency: 'USD', limit: 1, spent: 0.5, reserved: 0.25 },
      { scope: 'subject', currency: 'EUR', limit: 0.01, spent: 0, reserved: 0 },
    ]);
    const replica = await startReady([fake('p', 'a')]);
    const estimate = (count: number) =>
      replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' }, count });

    expect((await estimate(25)).structuredContent).toMatchObject({ budget_left: 0.25, allowed: true });
    expect((await estimate(26)).structuredContent).toMatchObject({ budget_left: 0.25, allowed: false });
  });

  it('leaves the budget out when nobody answers for it', async () => {
    const replica = await startReady([fake('p', 'a')]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' } });

    expect(structuredContent).not.toHaveProperty('budget_left');
    expect(structuredContent.allowed).toBe(true);
  });

  it('says that a run would be refused while the provider is not connected', async () => {
    const provider = fake('p', 'a');
    provider.isReady = false;
    const replica = await startReady([provider]);

    const { structuredContent } = await replica.tool(estimateCost, { model: 'p/a', input: { prompt: 'x' } });

    expect(structuredContent).toMatchObject({ min: 0.01, allowed: false });
  });
});

describe('list_providers', () => {
  it('tells of each provider whether it can be used and how current its models are', async () => {
    const down = fake('q');
    down.failure = new AppError('upstream_unavailable', 'down');
    down.isReady = false;
    const replica = await world.startReplica([fake('p', 'a', 'b'), down], quick);

    await vi.waitFor(async () => {
      const { providers } = await replica.bus.call(listProviders, {}, { principal: localPrincipal });
      expect(providers).toEqual([
        {
          slug: 'p',
          title: 'Scripted p',
          ready: true,
          models: 2,
          stale: false,
          synced_at: expect.stringMatching(/^\d{4}-/),
          capabilities: expect.arrayContaining(['cancel:real', 'jobs:remote', 'recover']),
        },
        expect.objectContaining({ slug: 'q', ready: false, models: 0, stale: true }),
      ]);
    });
  });
});

describe('sync', () => {
  it('is ready as soon as one provider has a snapshot, even if another fails', async () => {
    const down = fake('q');
    down.failure = new AppError('upstream_unavailable', 'down');

    const replica = await startReady([fake('p', 'a')]);
    const other = await world.startReplica([down]);

    expect((await replica.service.readiness()).isReady).toBe(true);
    expect((await other.service.readiness()).problems).toHaveProperty('catalog');
  });

  it('has the upstream asked by one of two replicas, and both show what it said', async () => {
    const provider = fake('p', 'a');
    await Promise.all([startReady([provider]), startReady([provider])]);

    expect(provider.listCalls).toBe(1);
  });

  it('shows a change on both replicas', async () => {
    const provider = fake('p', 'a');
    const [first, second] = await Promise.all([startReady([provider], quick), startReady([provider], quick)]);

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
    const replica = await startReady([provider], quick);
    replica.bus.on(catalogChanged, ({ version }) => versions.push(version));
    const before = provider.listCalls;

    provider.models = [modelOf('a')];

    await vi.waitFor(() => expect(provider.listCalls).toBeGreaterThan(before + 2));
    expect(versions).toEqual([]);
  });

  it('serves the stored snapshot to a replica that starts while the provider is down', async () => {
    const provider = fake('p', 'a');
    const first = await startReady([provider]);
    await first.service.close();
    provider.failure = new AppError('upstream_unavailable', 'down');

    const second = await startReady([provider]);

    expect(idsOf(await second.tool(searchModels, {}))).toEqual(['p/a']);
  });

  it('marks the answer stale while a provider fails, and no longer once it answers', async () => {
    const provider = fake('p', 'a');
    const other = fake('q', 'b');
    const replica = await startReady([provider, other], quick);

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
    const replica = await startReady([fake('p', 'a')], { now: () => clock, syncIntervalMs: 60_000 });

    clock += 181_000;

    expect((await replica.tool(searchModels, {})).structuredContent.stale).toBe(true);
  });

  it('keeps a deleted model for old runs, marked as not live, and out of the search', async () => {
    const provider = fake('p', 'a', 'b');
    const replica = await startReady([provider], quick);

    provider.models = [modelOf('b')];

    await vi.waitFor(async () => expect(idsOf(await replica.tool(searchModels, {}))).toEqual(['p/b']));
    const { structuredContent } = await replica.tool(getModel, { model: 'p/a' });
    expect(structuredContent.model).toMatchObject({ model: 'p/a', live: false });
    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('takes a deleted model back when the provider lists it again', async () => {
    const provider = fake('p', 'a', 'b');
    const replica = await startReady([provider], quick);
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
    const first = await startReady([provider], quick);
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

    const [first] = await Promise.all([startReady([provider]), startReady([provider])]);

    expect(await countOf(first, 'p')).toBe(2_500);
  });
});

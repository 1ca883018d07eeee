import { AppError, estimateCost, getModel, resourceUpdated } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AskingProvider } from '../testing/asking-provider.ts';
import { errorOf, startReady } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const hour = 3_600_000;
const summary = modelOf('draw', { inputSchema: {}, outputSchema: {}, schemaState: 'summary', readme: '' });
const detail = modelOf('draw', { readme: '# All about it' });
const schemaWith = (property: string) => ({
  ...detail,
  inputSchema: { type: 'object', properties: { [property]: { type: 'string' } } },
});

let world: CatalogWorld;
let platform: AskingProvider;
let now: number;

beforeEach(async () => {
  world = await openCatalogWorld();
  platform = new AskingProvider({ slug: 'p', models: [summary] });
  platform.details.set('draw', detail);
  now = 1_000_000_000;
});
afterEach(async () => {
  await world.close();
});

function start(): Promise<CatalogReplica> {
  return startReady(world, [platform], { now: () => now, syncIntervalMs: 400, rereadMs: 40 });
}

async function fieldsOf(replica: CatalogReplica): Promise<string[]> {
  const { structuredContent } = await replica.tool(getModel, { model: 'p/draw', sections: ['inputs'] });
  // as: the contract's inputs.
  return (structuredContent.inputs as { name: string }[]).map(({ name }) => name);
}

describe('a model whose list is a summary', () => {
  it('is asked for when its schema is first needed, once for all who need it', async () => {
    const replica = await start();
    const before = [...platform.described];

    const [fields, prepared, quote] = await Promise.all([
      fieldsOf(replica),
      replica.prepare('p/draw', { prompt: 'x', count: 7 }),
      replica.tool(estimateCost, { model: 'p/draw', input: { prompt: 'x' } }),
    ]);

    expect(before).toEqual([]);
    expect(fields).toContain('prompt');
    expect(prepared.problems).toMatchObject([{ path: 'count' }]);
    expect(quote.structuredContent.allowed).toBe(true);
    expect(platform.described).toEqual(['draw']);
  });

  it('is listed, and described in short, without being asked for', async () => {
    const replica = await start();

    const { structuredContent } = await replica.tool(getModel, {
      model: 'p/draw',
      sections: ['summary', 'pricing'],
    });

    expect(structuredContent.pricing).toMatchObject({ overview: '$0.01 an image' });
    expect(platform.described).toEqual([]);
  });

  it('is known to every replica once one has asked', async () => {
    await fieldsOf(await start());

    expect(await fieldsOf(await start())).toContain('prompt');
    expect(platform.described).toEqual(['draw']);
  });

  it('is asked for again when its listing changes, and its followers are told', async () => {
    const replica = await start();
    await fieldsOf(replica);
    const told: string[] = [];
    replica.bus.on(resourceUpdated, ({ uri }) => told.push(uri));
    platform.details.set('draw', schemaWith('text'));
    platform.models = [{ ...summary, summary: 'Another version.' }];
    now += 20_000;

    await vi.waitFor(async () => expect(await fieldsOf(replica)).toEqual(['text']), 10_000);

    await vi.waitFor(() => expect(told).toContain('inferry://models/p/draw/schema'));
  });

  it('is asked for again when the answer is a day old, while that is served', async () => {
    const replica = await start();
    await fieldsOf(replica);
    platform.details.set('draw', schemaWith('text'));
    now += 25 * hour;

    expect(await fieldsOf(replica)).toContain('prompt');

    await vi.waitFor(async () => expect(await fieldsOf(replica)).toEqual(['text']));
  });

  it('is described as before while the platform is away', async () => {
    const replica = await start();
    await fieldsOf(replica);
    platform.awayWith = new AppError('upstream_unavailable', 'down');
    now += 25 * hour;

    expect(await fieldsOf(replica)).toContain('prompt');
    expect((await replica.prepare('p/draw', { prompt: 'x' })).problems).toEqual([]);
  });

  it.each([
    ['does not answer', () => new AppError('upstream_unavailable', 'down')],
    ['refuses', () => new AppError('unauthorized', 'key sk-secret')],
  ])('never described says so and what to do when its platform %s', async (_what, failure) => {
    const replica = await start();
    platform.awayWith = failure();

    const error = errorOf(await replica.tool(getModel, { model: 'p/draw' }));
    await replica.tool(getModel, { model: 'p/draw' });

    expect(error).toMatchObject({ code: 'catalog_fetch_failed', retryable: true });
    expect(error?.next_action).toContain('sections');
    expect(JSON.stringify(error)).not.toContain('sk-secret');
    expect(platform.described).toHaveLength(1);
  });

  it.each([
    ['another model', { ...detail, nativeId: 'other' }],
    // as: what an adapter of somebody else may give.
    ['no model', { nativeId: 'draw' } as unknown as typeof detail],
  ])('is not mistaken for %s', async (_what, answer) => {
    const replica = await start();
    platform.details.set('draw', answer);

    await expect(replica.prepare('p/draw', { prompt: 'x' })).rejects.toMatchObject({
      code: 'catalog_fetch_failed',
    });
  });
});

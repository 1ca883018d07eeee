import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { estimateCost, getModel, runFinished, searchModels } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake, idsOf, startReady } from '../testing/catalog-calls.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';
import { ModelRecords } from './equal-models.ts';

let world: CatalogWorld;
let folder: string;
beforeEach(async () => {
  world = await openCatalogWorld();
  folder = mkdtempSync(join(tmpdir(), 'equal-models-'));
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

const models = ['p/a', 'q/a', 'r/a'];
const prices = { 'p/a': '0.5', 'q/a': '0.2', 'r/a': '0.3' };

/** `fast` is `a` of each of three platforms, at prices of their own. */
async function start(group: object = {}): Promise<CatalogReplica> {
  const catalogFile = join(folder, 'catalog.json');
  const priced = Object.entries(prices).map(([id, expression]) => [id, { price: { expression } }]);
  const document = { aliases: { fast: { models, ...group } }, models: Object.fromEntries(priced) };
  writeFileSync(catalogFile, JSON.stringify(document));
  return startReady(world, [fake('p', 'a'), fake('q', 'a'), fake('r', 'a')], { catalogFile });
}

const input = { prompt: 'x' };

describe('a name for several models that do the same', () => {
  it.each([
    ['order', 'p/a', 'first of 3', ['q/a', 'r/a']],
    ['price', 'q/a', 'cheapest of 3', ['r/a', 'p/a']],
    // Nobody has run them yet: the order decides.
    ['latency', 'p/a', 'fastest lately of 3', ['q/a', 'r/a']],
    ['health', 'p/a', 'failed least lately of 3', ['q/a', 'r/a']],
  ])('is chosen by %s', async (choose, ...[model, why, others]) => {
    const replica = await start({ choose });

    const prepared = await replica.prepare('fast', input);

    expect(prepared).toMatchObject({ model, equal: { alias: 'fast', why } });
    expect(prepared.equal?.others.map((other) => other.model)).toEqual(others);
  });

  it('goes by what became of runs lately', async () => {
    const replica = await start({ choose: 'health' });
    const poller = world.busOf('inference-poller');
    const ended = { subject: 'ada', version: 1, provider: 'p' };

    poller.publish(runFinished, { ...ended, run_id: 'run_1', model: 'p/a', status: 'failed' });

    await vi.waitFor(async () =>
      expect(await replica.prepare('fast', input)).toMatchObject({ model: 'q/a' }),
    );
  });

  it('has none to fall back on where the operator wants none', async () => {
    const replica = await start({ failover: false });

    expect((await replica.prepare('fast', input)).equal).toMatchObject({ others: [] });
  });

  it('is priced at what any of them may cost, described as the first, and named in what search finds', async () => {
    const replica = await start({ choose: 'price' });

    const { structuredContent: cost } = await replica.tool(estimateCost, { model: 'fast', input });
    const { structuredContent: described } = await replica.tool(getModel, { model: 'fast' });
    const found = await replica.tool(searchModels, { query: 'fast' });

    expect(cost).toMatchObject({ min: 0.2, max: 0.5, kind: 'range' });
    expect(described).toMatchObject({ model: { model: 'p/a' } });
    expect(idsOf(found).sort()).toEqual(models);
    expect(JSON.stringify(found.structuredContent)).toContain('fast');
  });

  it('leaves out those that cannot take the input, and says what is wrong where none can', async () => {
    const replica = await start();

    expect((await replica.prepare('fast', { prompt: 'x', count: 99 })).problems).not.toEqual([]);
  });
});

describe('what is known of the last runs of a model', () => {
  it('is the middle of how long they took and the share that succeeded, of the last half hour', () => {
    let now = 0;
    const records = new ModelRecords(() => now);
    for (const duration_ms of [300, 100, 200]) records.note('p/a', { status: 'succeeded', duration_ms });
    records.note('p/a', { status: 'failed', duration_ms: 1 });
    records.note('p/a', { status: 'cancelled' });

    expect([records.latencyOf('p/a'), records.healthOf('p/a')]).toEqual([200, 0.75]);
    now = 31 * 60_000;
    expect([records.latencyOf('p/a'), records.healthOf('p/a')]).toEqual([undefined, 1]);
    expect(records.healthOf('p/never')).toBe(1);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { estimateCost, getModel, runFinished, searchModels } from '@inferry/contracts';
import { ConfigError } from '@inferry/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake, idsOf, startReady } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';
import { readCatalogFile } from './catalog-file.ts';
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

describe('fields that the models name otherwise', () => {
  /** `q/a` has `text` and `number` where the others have `prompt` and `count`, and nothing like `strength`. */
  const fields = { 'q/a': { prompt: 'text', count: 'number', strength: null } };
  const otherSchema = {
    type: 'object',
    required: ['text'],
    properties: { text: { type: 'string' }, number: { type: 'integer', maximum: 2 } },
    additionalProperties: false,
  };
  async function startMapped(group: object = {}): Promise<CatalogReplica> {
    const catalogFile = join(folder, 'catalog.json');
    writeFileSync(catalogFile, JSON.stringify({ aliases: { fast: { models, fields, ...group } } }));
    const q = new ScriptedCatalogProvider({
      slug: 'q',
      models: [modelOf('a', { inputSchema: otherSchema })],
    });
    return startReady(world, [fake('p', 'a'), q, fake('r', 'a')], { catalogFile });
  }

  it('are given as each is to have them, whichever takes the run', async () => {
    const replica = await startMapped();

    const { input: first, equal } = await replica.prepare('fast', { prompt: 'x', count: 2, strength: 1 });

    expect(first).toMatchObject({ prompt: 'x', count: 2, strength: 1 });
    expect(equal?.others.map((other) => other.input)).toMatchObject([
      { text: 'x', number: 2 },
      { prompt: 'x', count: 2, strength: 1 },
    ]);
    expect(equal?.others[0]?.input).not.toHaveProperty('prompt');
  });

  it('are described, quoted and refused by the names that callers use', async () => {
    const replica = await startMapped({ models: ['q/a', 'p/a'] });

    const { structuredContent: described } = await replica.tool(getModel, {
      ...{ model: 'fast', sections: ['schema'] },
    });
    const { structuredContent: cost } = await replica.tool(estimateCost, {
      ...{ model: 'fast', input: { prompt: 'x', count: 9 } },
    });
    const wrong = await replica.prepare('fast', { prompt: 'x', count: 9 });

    expect(described).toMatchObject({
      schema: { properties: { prompt: { type: 'string' }, count: { maximum: 2 } }, required: ['prompt'] },
    });
    expect(cost).toMatchObject({ validation: [{ path: 'count' }] });
    expect(wrong.problems.map(({ path }) => path)).toEqual(['count']);
    expect(wrong.model).toBe('q/a');
  });
});

describe('a group that is written wrongly', () => {
  it('is refused with the line of each fault', () => {
    const path = join(folder, 'catalog.json');
    writeFileSync(
      path,
      [
        '{ "aliases": {',
        '  "one": { "models": ["p/a", "q/a"],',
        '    "fields": {',
        '      "z/a": { "prompt": "text" },',
        '      "q/a": { "prompt": "text", "words": "text" } } },',
        '  "two": { "models": ["p/a", "q/a"], "choose": "luck" },',
        '  "three": { "models": ["p/a", "p/a"] }',
        '} }',
      ].join('\n'),
    );

    let problems: readonly string[] = [];
    try {
      readCatalogFile(path);
    } catch (error) {
      problems = error instanceof ConfigError ? error.problems : [String(error)];
    }

    expect(problems).toEqual([expect.stringMatching(/^CATALOG_FILE: aliases\.two\.choose: .* \(line 6\)$/)]);
    writeFileSync(path, readFileSync(path, 'utf8').replace('luck', 'price'));
    expect(() => readCatalogFile(path)).toThrow(
      expect.objectContaining({
        problems: [
          'CATALOG_FILE: aliases.one.fields.z/a: is none of its models (line 4)',
          'CATALOG_FILE: aliases.one.fields.q/a.prompt: is not the only one that becomes text (line 5)',
          'CATALOG_FILE: aliases.one.fields.q/a.words: is not the only one that becomes text (line 5)',
          'CATALOG_FILE: aliases.three.models.1: is there twice (line 7)',
        ],
      }),
    );
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

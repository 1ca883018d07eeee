import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getModel, searchModels } from '@inferry/contracts';
import { ConfigError } from '@inferry/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errorOf, fake, idsOf, quick, startReady } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';
import { readCatalogFile } from './catalog-file.ts';

let world: CatalogWorld;
let folder: string;
let file: string;
let reload: () => void;

beforeEach(async () => {
  world = await openCatalogWorld();
  folder = mkdtempSync(join(tmpdir(), 'catalog-file-'));
  file = join(folder, 'catalog.json');
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

const write = (document: unknown) => writeFileSync(file, JSON.stringify(document));

function onReload(listener: () => void): () => void {
  reload = listener;
  return () => undefined;
}

async function start(...ids: string[]): Promise<CatalogReplica> {
  const provider = fake('p', ...ids);
  const replica = await world.startReplica([provider], { ...quick, catalogFile: file, onReload });
  await vi.waitFor(async () => expect((await replica.service.readiness()).isReady).toBe(true));
  return replica;
}

const find = async (replica: CatalogReplica, args: object = {}) =>
  idsOf(await replica.tool(searchModels, { ...args }));

describe('the catalog file', () => {
  it('decides what is featured and in which order', async () => {
    write({ featured: ['p/c', 'p/a'] });
    const replica = await start('a', 'b', 'c');

    expect(await find(replica)).toEqual(['p/c', 'p/a', 'p/b']);
    expect(await find(replica, { featured: true })).toEqual(['p/c', 'p/a']);
  });

  it('hides models from search, description and runs, as if they did not exist', async () => {
    write({ hidden: ['p/secret-*', 'p/b'] });
    const replica = await start('a', 'b', 'secret-one', 'x/secret-two');

    expect(await find(replica)).toEqual(['p/a', 'p/x/secret-two']);
    const hidden = errorOf(await replica.tool(getModel, { model: 'p/secret-one' }));
    const unknown = errorOf(await replica.tool(getModel, { model: 'p/unknown' }));
    expect(hidden?.code).toBe('model_not_found');
    expect(hidden?.message).toBe(unknown?.message);
    await expect(replica.prepare('b', { prompt: 'x' })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('gives models names of this deployment', async () => {
    write({ aliases: { draw: 'p/acme/flux-2' } });
    const replica = await start('acme/flux-2');

    expect(await replica.prepare('draw', { prompt: 'x' })).toMatchObject({ model: 'p/acme/flux-2' });
  });

  it('says of a model what its provider does not', async () => {
    write({ models: { 'p/a': { title: 'House model', categories: ['logo'], capabilities: ['op:logo'] } } });
    const replica = await start('a', 'b');

    expect(await find(replica, { category: 'logo', capability: 'op:logo' })).toEqual(['p/a']);
    expect((await replica.tool(getModel, { model: 'p/a' })).structuredContent.model).toMatchObject({
      title: 'House model',
      category: 'logo',
    });
  });

  it('takes effect again when it changes, without another list of the provider', async () => {
    write({ hidden: ['p/a'], featured: ['p/b'] });
    const replica = await start('a', 'b', 'c');
    await vi.waitFor(async () => expect(await find(replica)).toEqual(['p/b', 'p/c']));

    write({ featured: ['p/c'] });
    reload();

    await vi.waitFor(async () => expect(await find(replica)).toEqual(['p/c', 'p/a', 'p/b']));
    expect(await find(replica, { featured: true })).toEqual(['p/c']);
  });

  it('that is broken by a change leaves everything as it was', async () => {
    write({ hidden: ['p/a'] });
    const replica = await start('a', 'b');

    write({ hidden: 'p/b' });
    reload();

    expect(await find(replica)).toEqual(['p/b']);
  });

  it('keeps a hidden model deleted when its provider drops it meanwhile', async () => {
    write({ hidden: ['p/a'] });
    const provider = new ScriptedCatalogProvider({ slug: 'p', models: [modelOf('a'), modelOf('b')] });
    const replica = await world.startReplica([provider], { ...quick, catalogFile: file, onReload });
    await vi.waitFor(async () => expect(await find(replica)).toEqual(['p/b']));

    provider.models = [modelOf('b'), modelOf('c')];
    await vi.waitFor(async () => expect(await find(replica)).toEqual(['p/b', 'p/c']));
    write({});
    reload();

    await vi.waitFor(async () => expect(await find(replica)).toEqual(['p/b', 'p/c']));
    await expect(replica.prepare('p/a', { prompt: 'x' })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('sets how often one provider is asked', async () => {
    write({ providers: { slow: { sync_seconds: 86_400 } } });
    const [often, slow] = [fake('often', 'a'), fake('slow', 'a')];
    await startReady(world, [often, slow], { ...quick, catalogFile: file });

    await vi.waitFor(() => expect(often.listCalls).toBeGreaterThan(3));

    expect(slow.listCalls).toBe(1);
  });

  it('that is not valid stops the start with every problem', () => {
    write({
      featured: ['p/a', 'p/a', 'no-slash'],
      aliases: { 'two words': 'p/a', x: 'nothing' },
      models: { 'p/a': { titel: 'A' } },
      providers: { p: { sync_seconds: 1 } },
      hiden: [],
    });

    let problems: readonly string[] = [];
    try {
      readCatalogFile(file);
    } catch (error) {
      if (error instanceof ConfigError) problems = error.problems;
    }

    const wrong = [
      'featured.2',
      'aliases.two words',
      'aliases.x',
      'models.p/a',
      'providers.p.sync_seconds',
      'file',
    ];
    for (const place of wrong) expect(problems.join('\n')).toContain(`CATALOG_FILE: ${place}`);
  });

  it('that is missing or no JSON says so', () => {
    expect(() => readCatalogFile(join(folder, 'none.json'))).toThrow(/cannot be read \(ENOENT\)/);
    writeFileSync(file, '{');
    expect(() => readCatalogFile(file)).toThrow(/is not JSON/);
  });
});

import {
  inWords,
  localPrincipal,
  plainWords,
  type Surface,
  surfaceChanged,
  surfaceOf,
} from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toPortable } from '../sections/portable.ts';
import { fake, quick, startReady } from '../testing/catalog-calls.ts';
import { everyFieldSchema, modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const principal = localPrincipal;
const surface: Surface = surfaceOf('catalog');
let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(async () => {
  await world.close();
});

const solution = (nativeId: string, fields: Partial<ProviderModel> = {}) =>
  modelOf(nativeId, { kind: 'solution', title: 'Headshots', summary: 'Portraits.', ...fields });

function providerOf(slug: string, ...models: ProviderModel[]): ScriptedCatalogProvider {
  return new ScriptedCatalogProvider({ slug, models });
}

async function promptsOf({ bus }: CatalogReplica) {
  const { description } = await bus.call(surface.describe, {}, { principal });
  return description?.prompts ?? [];
}

type Ref = { prompt: string } | { template: string };
const modelRef: Ref = { template: 'inferry://models/{+model}/schema' };

function complete({ bus }: CatalogReplica, argument: [string, string], ref: Ref = modelRef) {
  const [name, value] = argument;
  const input = { ref, argument: { name, value }, context: {} };
  return bus.call(surface.complete, input, { principal });
}

describe('prompts of the catalog', () => {
  it('are one for each solution that can be run, with its required inputs [RF-40]', async () => {
    const away = providerOf('q', solution('acme/away'));
    away.isReady = false;
    const replica = await world.startReplica(
      [
        providerOf('p', solution('acme/headshots'), modelOf('plain'), solution('off', { isLive: false })),
        away,
      ],
      quick,
    );

    await vi.waitFor(async () => {
      expect(await promptsOf(replica)).toEqual([
        {
          name: 'headshots',
          title: 'Headshots',
          description: 'Portraits.',
          arguments: [{ name: 'prompt', description: expect.stringContaining('What to make.') }],
        },
      ]);
    });
  });

  it('have names of their own when two solutions end alike', async () => {
    const replica = await startReady(world, [
      providerOf(
        'p',
        solution('acme/up'),
        solution('bolt/up'),
        solution('Logo Inpaint!'),
        // The last part of it names nothing.
        solution('acme/object-removal/prompt'),
      ),
    ]);

    const names = (await promptsOf(replica)).map(({ name }) => name);

    expect(names.sort()).toEqual(['logo-inpaint', 'object-removal-prompt', 'p-acme-up', 'p-bolt-up']);
  });

  it('lead to run_model, with a gap for what is not given', async () => {
    const schema = { ...everyFieldSchema, required: ['prompt', 'image'] };
    const replica = await startReady(world, [providerOf('p', solution('heads', { inputSchema: schema }))]);

    const { messages } = await replica.bus.call(
      surface.getPrompt,
      { name: 'heads', arguments: { prompt: 'a smile' } },
      { principal },
    );

    const text = inWords(String(messages[0]?.content.text), plainWords);
    expect(text).toContain('run_model, model "p/heads"');
    expect(text).toContain('- prompt: a smile');
    expect(text).toMatch(/- image: <.*URL or an asset id.*>/);
  });

  it('refuse an argument that they do not have, and a name that nobody has', async () => {
    const replica = await startReady(world, [providerOf('p', solution('heads'))]);
    const get = (name: string, args: Record<string, string>) =>
      replica.bus.call(surface.getPrompt, { name, arguments: args }, { principal });

    await expect(get('heads', { size: '1' })).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(get('feet', {})).rejects.toMatchObject({ code: 'prompt_not_found' });
  });

  it('are announced once when the catalog changes, and not told again to whoever knows them [RF-43][RF-45]', async () => {
    const provider = providerOf('p', solution('one'));
    const replica = await startReady(world, [provider], quick);
    const { version } = await replica.bus.call(surface.describe, {}, { principal });
    const heard: (string | undefined)[] = [];
    world.busOf('listener').on(surfaceChanged, (event) => heard.push(event.version));

    provider.models = [solution('one'), solution('two')];

    await vi.waitFor(() => expect(heard).toHaveLength(1));
    const known = await replica.bus.call(surface.describe, { known_version: version }, { principal });
    expect(known.version).toBe(heard[0]);
    expect(known.description?.prompts).toHaveLength(2);
    const again = await replica.bus.call(surface.describe, { known_version: known.version }, { principal });
    expect(again.description).toBeUndefined();
  });

  it('have one version on every replica', async () => {
    const models = providerOf('p', solution('one'));
    const replicas = [await startReady(world, [models]), await startReady(world, [models])];

    const versions = await Promise.all(
      replicas.map(
        async () => (await world.busOf('asker').call(surface.describe, {}, { principal })).version,
      ),
    );

    expect(new Set(versions).size).toBe(1);
  });
});

describe('resources of the catalog', () => {
  const read = ({ bus }: CatalogReplica, uri: string) =>
    bus.call(surface.readResource, { uri }, { principal });

  it('hold the schema of a model as JSON', async () => {
    const replica = await startReady(world, [fake('p', 'acme/draw')]);

    const { contents } = await read(replica, 'inferry://models/p/acme/draw/schema');

    expect(contents).toEqual([
      expect.objectContaining({ mimeType: 'application/schema+json', text: expect.any(String) }),
    ]);
    const [only] = contents;
    expect(JSON.parse(only !== undefined && 'text' in only ? only.text : '')).toEqual(
      toPortable(everyFieldSchema),
    );
  });

  it('hold its card as Markdown, whatever the id looks like', async () => {
    const replica = await startReady(world, [fake('p', 'acme/dräw one')]);

    const { contents } = await read(replica, 'inferry://models/p/acme/dr%C3%A4w%20one/card');

    expect(contents[0]).toMatchObject({ mimeType: 'text/markdown' });
    expect(JSON.stringify(contents)).toContain('- `prompt` (string, required): What to make.');
  });

  it.each([
    'inferry://models/p/nothing/schema',
    'inferry://models/p/a',
    'inferry://models/%/card',
    'inferry://x',
  ])('answer resource_not_found for %s', async (uri) => {
    const replica = await startReady(world, [fake('p', 'a')]);

    await expect(read(replica, uri)).rejects.toMatchObject({ code: 'resource_not_found' });
  });

  it('of models are not listed: templates and completion lead to them', async () => {
    const replica = await startReady(world, [fake('p', ...Array.from({ length: 120 }, (_, at) => `m${at}`))]);

    const { items, next_cursor: next } = await replica.bus.call(surface.listResources, {}, { principal });

    expect(items.filter(({ uri }) => uri.startsWith('inferry://models/'))).toEqual([]);
    expect(items.length).toBeGreaterThan(0);
    expect(next).toBeUndefined();
  });

  it('refuse a cursor of somebody else', async () => {
    const replica = await startReady(world, [fake('p', 'a')]);

    const list = replica.bus.call(surface.listResources, { cursor: 'WzJd' }, { principal });

    await expect(list).rejects.toMatchObject({ code: 'invalid_cursor' });
  });
});

describe('completion of the catalog', () => {
  it('gives model ids that begin so, then those that the words find', async () => {
    const replica = await startReady(world, [fake('p', 'flux', 'flux-pro', 'other-flux', 'sdxl')]);

    const { values } = await complete(replica, ['model', 'p/fl']);

    expect(values.slice(0, 2)).toEqual(['p/flux', 'p/flux-pro']);
    expect((await complete(replica, ['model', 'flux'])).values).toContain('p/other-flux');
  });

  it('gives at most 100 values and says how many there are', async () => {
    const ids = Array.from({ length: 130 }, (_, at) => `m${at}`);
    const replica = await startReady(world, [fake('p', ...ids)]);

    const found = await complete(replica, ['model', '']);

    expect(found).toMatchObject({ total: 130, has_more: true });
    expect(found.values).toHaveLength(100);
  });

  it('gives the values that a prompt argument allows', async () => {
    const schema = { ...everyFieldSchema, required: ['quality'] };
    const replica = await startReady(world, [providerOf('p', solution('heads', { inputSchema: schema }))]);

    const { values } = await complete(replica, ['quality', 'h'], { prompt: 'heads' });

    expect(values).toEqual(['high']);
  });

  it('gives nothing for an argument that it knows nothing about', async () => {
    const replica = await startReady(world, [providerOf('p', solution('heads'))]);

    expect((await complete(replica, ['prompt', 'a'], { prompt: 'heads' })).values).toEqual([]);
    expect((await complete(replica, ['nothing', 'a'])).values).toEqual([]);
  });
});

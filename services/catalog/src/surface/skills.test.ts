import { hash } from 'node:crypto';
import { localPrincipal, surfaceOf } from '@inferry/contracts';
import { inferry } from '@inferry/profiles';
import { createLocalProvider } from '@inferry/providers/local';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { quick } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

const principal = localPrincipal;
const surface = surfaceOf('catalog');
const local = createLocalProvider();
let world: CatalogWorld;
beforeEach(async () => {
  world = await openCatalogWorld();
});
afterEach(() => world.close());

/** A provider whose skill is that of the local models. */
function providerWithSkill(slug: string, skills = local.skills ?? []): ScriptedCatalogProvider {
  return new ScriptedCatalogProvider({ slug, models: [modelOf('a')], skills });
}

const start = (...providers: ScriptedCatalogProvider[]) => world.startReplica(providers, quick);

async function skillsOf({ bus }: CatalogReplica) {
  const { description } = await bus.call(surface.describe, {}, { principal });
  return description?.skills ?? [];
}

const namesOf = async (replica: CatalogReplica) =>
  (await skillsOf(replica)).map(({ frontmatter }) => frontmatter.name);

async function textOf({ bus }: CatalogReplica, uri: string): Promise<string> {
  const { contents } = await bus.call(surface.readResource, { uri }, { principal });
  const [file] = contents;
  return file !== undefined && 'text' in file ? file.text : '';
}

describe('skills of the catalog', () => {
  it('are our own, then those of the providers that can be used', async () => {
    const provider = providerWithSkill('p');
    const replica = await start(provider);

    await vi.waitFor(async () =>
      expect(await namesOf(replica)).toEqual(['run-models', 'build-wrappers', 'local-models']),
    );

    provider.isReady = false;
    expect(await namesOf(replica)).toEqual(['run-models', 'build-wrappers']);
  });

  it('have another version when they are others', async () => {
    const provider = providerWithSkill('p');
    const replica = await start(provider);
    const before = await replica.bus.call(surface.describe, {}, { principal });

    provider.isReady = false;

    const after = await replica.bus.call(surface.describe, {}, { principal });
    expect(after.version).not.toBe(before.version);
  });

  it('are read as the bytes that their digests and sizes are of', async () => {
    const replica = await start(providerWithSkill('p'));
    const files = (await skillsOf(replica)).flatMap(({ resources }) => resources);

    const read = await Promise.all(
      files.map(async ({ uri }) => {
        const text = await textOf(replica, uri);
        return { digest: `sha256:${hash('sha256', text)}`, size: Buffer.byteLength(text) };
      }),
    );

    expect(read).toEqual(files.map(({ digest, size }) => ({ digest, size })));
  });

  it('have their SKILL.md among the resources, under its own name and description', async () => {
    const replica = await start(providerWithSkill('p'));
    const skills = await skillsOf(replica);

    const { items } = await replica.bus.call(surface.listResources, {}, { principal });

    const listed = items.filter(({ uri }) => uri.startsWith('skill://'));
    expect(listed.map(({ uri, name, description }) => ({ uri, name, description }))).toEqual(
      skills.map(({ uri, frontmatter: { name, description } }) => ({ uri, name, description })),
    );
  });

  it('fail the start when two that differ have one name', async () => {
    const others = (local.skills ?? []).map(({ name, files }) => ({
      name,
      files: { ...files, 'MORE.md': Object.values(files)[0] ?? new URL('file:///none') },
    }));

    await expect(start(providerWithSkill('p'), providerWithSkill('q', others))).rejects.toThrow(
      'two skills are called local-models',
    );
  });

  it('are there once for two platforms of one kind, while one of them can be used', async () => {
    const [first, second] = [providerWithSkill('p'), providerWithSkill('q')];
    const replica = await start(first, second);

    await vi.waitFor(async () =>
      expect(await namesOf(replica)).toEqual(['run-models', 'build-wrappers', 'local-models']),
    );

    first.isReady = false;
    expect(await namesOf(replica)).toEqual(['run-models', 'build-wrappers', 'local-models']);
    second.isReady = false;
    expect(await namesOf(replica)).toEqual(['run-models', 'build-wrappers']);
  });

  it('name only tools, arguments and local models that exist', async () => {
    const replica = await start(providerWithSkill('p'));
    const files = (await skillsOf(replica)).flatMap(({ resources }) => resources);
    const texts = (await Promise.all(files.map(({ uri }) => textOf(replica, uri)))).join('\n');
    const { models } = (await local.listModels({ signal: AbortSignal.timeout(10_000) })) as {
      models: { nativeId: string }[];
    };

    const calls = [...texts.matchAll(/\b([a-z]+_[a-z]+)\(([^)]*)\)/g)];
    const unknown = calls.flatMap(([, name, args = '']) => {
      const tool = inferry.tools.find((known) => known.name === name);
      if (tool === undefined) return [name];
      const named = [...args.replaceAll(/"[^"]*"|\{[^}]*\}/g, '').matchAll(/([a-z_]+)\s*=/g)];
      return named.map(([, arg]) => arg).filter((arg) => !Object.hasOwn(tool.input.shape, arg ?? ''));
    });
    const ids = [...texts.matchAll(/`local\/([a-z0-9-]+)`/g)].map(([, id]) => id);

    expect(calls.length).toBeGreaterThan(10);
    expect(unknown).toEqual([]);
    expect(ids.filter((id) => !models.some(({ nativeId }) => nativeId === id))).toEqual([]);
  });
});

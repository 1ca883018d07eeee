import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adapters } from './adapters.ts';
import { openProviders } from './open-providers.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-providers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function moduleFile(name: string, source: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, source);
  return file;
}

test('opens the local provider first and each extra module after it', async () => {
  const file = await moduleFile('extra.mjs', 'export const createProvider = () => ({ slug: "extra" });');

  const providers = await openProviders([file]);

  expect(providers.map(({ slug }) => slug)).toEqual(['local', 'extra']);
});

test('refuses a module that exports no createProvider', async () => {
  const file = await moduleFile('wrong.mjs', 'export const provider = {};');

  await expect(openProviders([file])).rejects.toThrow('does not export createProvider()');
});

test('each definition says in words whether what failed may cost something untold', async () => {
  for (const definition of adapters.filter(({ presetOf }) => presetOf === undefined)) {
    const { slug, title, capabilities, facts } = definition;
    const bases = { api: 'http://127.0.0.1:9' };
    const provider = await definition.create({
      ...{ slug, title, capabilities, bases, allowPrivateHosts: true, settings: {} },
      ...{ now: Date.now, random: Math.random },
    });
    const isSilent = provider.mayCostUntold !== undefined;
    await provider.close();

    expect([slug, /unknown/.test(facts.failures)]).toEqual([slug, isSilent]);
  }
});

test('refuses two providers of one name', async () => {
  const file = await moduleFile('twin.mjs', 'export const createProvider = () => ({ slug: "local" });');

  await expect(openProviders([file])).rejects.toThrow('two providers are called "local"');
});

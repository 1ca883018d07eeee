import {
  AppError,
  getModel,
  type JsonObject,
  localPrincipal,
  type Principal,
  Secret,
} from '@inferry/contracts';
import type { ProviderContext, ProviderModel } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, startReady } from '../testing/catalog-calls.ts';
import { modelOf } from '../testing/model-of.ts';
import { ScriptedCatalogProvider } from '../testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from '../testing/start-catalog.ts';

/** A platform with models that it does not list; `private:…` is there for the key `key-ada` alone. */
class CommunityProvider extends ScriptedCatalogProvider {
  asked: { nativeId: string; options: JsonObject }[] = [];

  async describeUnlisted(
    nativeId: string,
    options: JsonObject,
    { credential }: ProviderContext,
  ): Promise<ProviderModel | undefined> {
    this.asked.push({ nativeId, options });
    if (nativeId === 'odd:1@1' && options.task_type === undefined) {
      throw new AppError('validation_failed', 'Say its task.');
    }
    if (nativeId.startsWith('private:') && credential?.reveal() !== 'key-ada') return undefined;
    return nativeId.includes('@') ? modelOf(nativeId, { title: 'Found' }) : undefined;
  }
}

const ada: Principal = { ...localPrincipal, subject: 'ada', grant_id: 'grant_ada' };
const bob: Principal = { ...localPrincipal, subject: 'bob', grant_id: 'grant_bob' };
const keys = {
  get: async (_provider: string, { subject }: { subject: string }) => ({
    credential: new Secret(`key-${subject}`),
    connectionId: subject,
  }),
};

let world: CatalogWorld;
let platform: CommunityProvider;
let replica: CatalogReplica;
let now = 1_000_000_000;

beforeEach(async () => {
  world = await openCatalogWorld();
  platform = new CommunityProvider({ slug: 'p', models: [modelOf('shared:draw@1')] });
  const other = new ScriptedCatalogProvider({ slug: 'q', models: [modelOf('other')] });
  replica = await startReady(world, [platform, other], {
    keys,
    now: () => now,
    syncIntervalMs: 86_400_000,
  });
});
afterEach(() => world.close());

describe('a model that no list has', () => {
  it('is run by its id, with and without its platform in front, and described [RW-04]', async () => {
    const input = { prompt: 'x' };

    expect(await replica.prepare('p/civitai:1@2', input, ada)).toMatchObject({ model: 'p/civitai:1@2' });
    expect(await replica.prepare('civitai:1@2', input, ada)).toMatchObject({ native_id: 'civitai:1@2' });
    const { structuredContent } = await replica.tool(getModel, { model: 'p/civitai:1@2' }, ada);
    expect(structuredContent.model).toMatchObject({ model: 'p/civitai:1@2', title: 'Found' });
  });

  it('is asked for once in five minutes, and soon again while there is none', async () => {
    const prepare = (id: string) => replica.prepare(id, { prompt: 'x' }, ada).catch(() => undefined);
    for (const id of ['p/civitai:1@2', 'p/civitai:1@2', 'p/none', 'p/none']) await prepare(id);
    expect(platform.asked.map(({ nativeId }) => nativeId)).toEqual(['civitai:1@2', 'none']);

    now += 6_000;
    for (const id of ['p/civitai:1@2', 'p/none']) await prepare(id);
    now += 300_000;
    await prepare('p/civitai:1@2');

    expect(platform.asked.map(({ nativeId }) => nativeId).slice(2)).toEqual(['none', 'civitai:1@2']);
  });

  it('is there for whose key has it alone', async () => {
    const input = { prompt: 'x' };
    await expect(replica.prepare('p/private:1@1', input, ada)).resolves.toMatchObject({ provider: 'p' });

    await expect(replica.prepare('p/private:1@1', input, bob)).rejects.toMatchObject({
      code: 'model_not_found',
    });
    const unknown = errorOf(await replica.tool(getModel, { model: 'p/nothing' }, bob));
    const foreign = errorOf(await replica.tool(getModel, { model: 'p/private:1@1' }, bob));
    expect(foreign).toEqual(unknown);
  });

  it('is never asked for where a list has it, nor at a platform without such models', async () => {
    await replica.prepare('p/shared:draw@1', { prompt: 'x' }, ada);
    await replica.prepare('shared:draw@1', { prompt: 'x' }, ada);
    const failed = replica.prepare('q/civitai:1@2', { prompt: 'x' }, ada);

    await expect(failed).rejects.toMatchObject({ code: 'model_not_found' });
    expect(platform.asked).toEqual([]);
  });
});

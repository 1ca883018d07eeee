import {
  estimateCost,
  getModel,
  listProviders,
  localPrincipal,
  type Principal,
  searchModels,
  surfaceOf,
} from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorOf, idsOf, textOf } from './testing/catalog-calls.ts';
import { modelOf } from './testing/model-of.ts';
import { ScriptedCatalogProvider } from './testing/scripted-catalog-provider.ts';
import { type CatalogReplica, type CatalogWorld, openCatalogWorld } from './testing/start-catalog.ts';

type State = 'open' | 'refused' | 'missing' | 'closed';

/** Of three platforms: whoever runs the deployment has all; who brought a key of `mine` has that one. */
const states: Record<string, Record<string, State>> = {
  operator: { mine: 'open', theirs: 'open', own: 'open' },
  bound: { mine: 'open', theirs: 'missing', own: 'closed' },
  refused: { mine: 'refused', theirs: 'missing', own: 'closed' },
};
const access = {
  of: async ({ subject }: Principal) => ({
    stateOf: (provider: string) => states[subject]?.[provider] ?? ('missing' as const),
    mayUseDeployment: subject === 'operator',
  }),
};
const as = (subject: string): Principal => ({ ...localPrincipal, subject, grant_id: subject });
const surface = surfaceOf('catalog');

let world: CatalogWorld;
let replica: CatalogReplica;
beforeEach(async () => {
  world = await openCatalogWorld();
  const known = [
    { slug: 'openai', title: 'OpenAI', howToConnect: 'whoever runs this server sets OPENAI_API_KEY' },
  ];
  const providers = ['mine', 'theirs', 'own'].map(
    (slug) =>
      new ScriptedCatalogProvider({
        slug,
        models: [modelOf('flux/dev'), modelOf(`${slug}-solution`, { kind: 'solution' })],
      }),
  );
  replica = await world.startReplica(providers, { access, known });
  await expect.poll(async () => (await search('operator')).length).toBe(6);
});
afterEach(async () => {
  await world.close();
});

async function search(subject: string, args = {}): Promise<string[]> {
  return idsOf(await replica.tool(searchModels, { limit: 50, ...args }, as(subject))).sort();
}

describe('a caller who may use one platform', () => {
  it('finds, counts, completes and lists the models of that one alone', async () => {
    const found = await replica.tool(searchModels, { facets: true }, as('bound'));
    const ref = { template: 'inferry://models/{+model}/schema' };
    const input = { ref, argument: { name: 'model', value: '' }, context: {} };
    const completion = await replica.bus.call(surface.complete, input, { principal: as('bound') });
    const resources = await replica.bus.call(surface.listResources, {}, { principal: as('bound') });
    const models = resources.items.map(({ uri }) => uri).filter((uri) => uri.startsWith('inferry://models/'));

    expect(idsOf(found).sort()).toEqual(['mine/flux/dev', 'mine/mine-solution']);
    expect(found.structuredContent.facets).toMatchObject({ provider: { mine: 2 } });
    expect(JSON.stringify(found)).not.toMatch(/theirs|own\//);
    expect(completion.values.sort()).toEqual(['mine/flux/dev', 'mine/mine-solution']);
    expect(models.every((uri) => uri.startsWith('inferry://models/mine/'))).toBe(true);
  });

  it('sees what lacks a key marked, when it asks for what is offline, and never a server that is not for it', async () => {
    const { structuredContent } = await replica.tool(searchModels, { include_offline: true }, as('bound'));
    const items = structuredContent.items as { model: string; live?: boolean; connected?: boolean }[];

    expect(items.filter(({ model }) => model.startsWith('theirs/'))).toEqual([
      expect.objectContaining({ live: false, connected: false }),
      expect.objectContaining({ live: false, connected: false }),
    ]);
    expect(items.some(({ model }) => model.startsWith('own/'))).toBe(false);
    const card = replica.bus.call(
      surface.readResource,
      { uri: 'inferry://models/own/flux/dev/card' },
      { principal: as('bound') },
    );
    await expect(card).rejects.toMatchObject({ code: 'resource_not_found' });
  });

  it('takes a bare native id for the model of its own platform, which others have too', async () => {
    const prepared = await replica.prepare('flux/dev', { prompt: 'x' }, as('bound'));

    expect(prepared.model).toBe('mine/flux/dev');
    await expect(replica.prepare('flux/dev', { prompt: 'x' }, as('operator'))).rejects.toMatchObject({
      code: 'ambiguous_model',
    });
  });

  it.each(['theirs/flux/dev', 'own/flux/dev', 'theirs-solution'])(
    'is told why it cannot run %s',
    async (model) => {
      const estimate = await replica.tool(estimateCost, { model, input: { prompt: 'x' } }, as('bound'));
      const described = await replica.tool(getModel, { model }, as('bound'));

      expect(estimate.structuredContent).toMatchObject({
        allowed: false,
        refusal: expect.stringMatching(/^\[provider_not_connected\] .+ is not connected\. .*key/),
      });
      expect(textOf(estimate)).toContain('provider_not_connected');
      expect(described.structuredContent).toMatchObject({ model: { live: false, connected: false } });
      expect(textOf(described)).toContain('Not connected');
      await expect(replica.prepare(model, { prompt: 'x' }, as('bound'))).rejects.toMatchObject({
        code: 'provider_not_connected',
        nextAction: expect.stringContaining('key'),
      });
    },
  );

  it('is offered the prompts of its own solutions', async () => {
    const get = (name: string) =>
      replica.bus.call(surface.getPrompt, { name, arguments: {} }, { principal: as('bound') });
    const { description } = await replica.bus.call(surface.describe, {}, { principal: as('bound') });

    expect(description?.prompt_providers).toEqual({
      'mine-solution': 'mine',
      'theirs-solution': 'theirs',
      'own-solution': 'own',
    });
    await expect(get('mine-solution')).resolves.toBeDefined();
    await expect(get('theirs-solution')).rejects.toMatchObject({ code: 'prompt_not_found' });
    const complete = (prompt: string, name: string) => {
      const input = { ref: { prompt }, argument: { name, value: '' }, context: {} };
      return replica.bus.call(surface.complete, input, { principal: as('bound') });
    };
    for (const prompt of ['theirs-solution', 'own-solution'])
      for (const name of ['model', 'provider', 'prompt'])
        expect((await complete(prompt, name)).values).toEqual([]);
    expect((await complete('mine-solution', 'provider')).values).toEqual(['mine']);
  });

  it('sees of the platforms which are connected', async () => {
    const list = async (subject: string) => {
      const { providers } = await replica.bus.call(listProviders, {}, { principal: as(subject) });
      return providers.map(({ slug, ready, how_to_connect: remedy }) => [slug, ready, remedy !== undefined]);
    };

    expect(await list('bound')).toEqual([
      ['mine', true, false],
      ['theirs', false, true],
    ]);
    expect(await list('operator')).toEqual(['mine', 'theirs', 'own'].map((slug) => [slug, true, false]));
  });
});

describe('a platform without a usable key', () => {
  it('is no answer to a search, and says that its key was refused', async () => {
    expect(await search('refused')).toEqual([]);
    await expect(replica.prepare('mine/flux/dev', { prompt: 'x' }, as('refused'))).rejects.toMatchObject({
      code: 'provider_not_connected',
      nextAction: expect.stringContaining('refuses your key'),
    });
  });

  it('is told from a made-up name also where it is not open at all, or does not list its models', async () => {
    const missing = await replica.tool(getModel, { model: 'openai/sora-2' }, as('operator'));
    const unlisted = await replica.tool(getModel, { model: 'theirs/never-listed' }, as('bound'));
    const madeUp = await replica.tool(getModel, { model: 'nobody/nothing' }, as('operator'));

    expect(errorOf(missing)).toMatchObject({
      code: 'provider_not_connected',
      next_action: expect.stringContaining('OPENAI_API_KEY'),
    });
    expect(errorOf(unlisted)).toMatchObject({ code: 'provider_not_connected' });
    expect(errorOf(madeUp)).toMatchObject({ code: 'model_not_found' });
  });
});

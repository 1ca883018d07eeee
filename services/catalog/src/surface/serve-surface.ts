import { AppError, surfaceChanged, surfaceOf } from '@inferry/contracts';
import type { CallerAccess } from '../caller-access.ts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelCard } from '../model-card.ts';
import { completeInput, completeModel, completeProvider, noCompletion } from './complete-argument.ts';
import { modelPrefix, modelTemplates, readModelResource } from './model-resources.ts';
import { type SkillShelf, skillPrefix, skillTtlMs } from './skill-shelf.ts';
import { makeSolutionPrompts, type SolutionPrompt, writePrompt } from './solution-prompts.ts';

const service = 'catalog';

/** A model changes with a sync of its provider's catalog. */
const modelTtlMs = 300_000;

interface Snapshot {
  version: string;
  prompts: Promise<ReadonlyMap<string, SolutionPrompt>>;
  /** What can be run now by whoever may, by id. */
  cards: readonly ModelCard[];
}

/**
 * The catalog beside its tools: a prompt for each solution, each model's schema and card as resources, and skills.
 * All of it is made once per snapshot (RF-43). Returns how to tell everybody that there is a new one.
 */
export function serveCatalogSurface(deps: CatalogDeps, shelf: SkillShelf): () => void {
  const { bus, providers, accesses } = deps;
  const surface = surfaceOf(service);
  let known: Snapshot | undefined;
  let announced = '';

  const versionNow = () => `${providers.version}.${shelf.version}.${deps.wrappers.version}`;

  function current(): Snapshot {
    const version = versionNow();
    if (known?.version === version) return known;
    const snapshot = { version, prompts: makeSolutionPrompts(deps), cards: runnableCards(deps) };
    known = snapshot;
    snapshot.prompts.catch(() => {
      // Whoever asks now is told; whoever asks next makes them anew.
      if (known === snapshot) known = undefined;
    });
    return snapshot;
  }

  /** What one caller can run. */
  function cardsOf(access: CallerAccess): ModelCard[] {
    return current().cards.filter(({ provider }) => access.isUsable(provider));
  }

  async function promptOf(name: string, access: CallerAccess): Promise<SolutionPrompt | undefined> {
    const prompt = (await current().prompts).get(name);
    return prompt !== undefined && access.isUsable(prompt.provider) ? prompt : undefined;
  }

  bus.serve(surface.describe, async ({ known_version: knownVersion }) => {
    const { version, prompts } = current();
    if (version === knownVersion) return { version };
    const known = [...(await prompts).values()];
    const description = {
      scope: 'models:read',
      prompts: known.map(({ offered }) => offered),
      prompt_providers: Object.fromEntries(known.map(({ offered, provider }) => [offered.name, provider])),
      prompt_models: Object.fromEntries(known.map(({ offered, model }) => [offered.name, model])),
      templates: modelTemplates,
      uri_prefixes: [modelPrefix, skillPrefix],
      skills: shelf.offered(),
    };
    return { version, description };
  });
  bus.serve(surface.getPrompt, async ({ name, arguments: values }, { principal }) => {
    const prompt = await promptOf(name, await accesses.of(principal));
    if (prompt === undefined) throw new AppError('prompt_not_found', 'There is no such prompt here.');
    return writePrompt(prompt, values);
  });
  bus.serve(surface.listResources, async ({ cursor }) => {
    // Two resources for each of thousands of models are a list that nobody reads: templates and completion lead to them.
    if (cursor !== undefined) throw new AppError('invalid_cursor', 'This list has one page.');
    return { items: shelf.resources() };
  });
  bus.serve(surface.readResource, async ({ uri }, { principal }) => {
    const file = shelf.read(uri);
    if (file !== undefined) return { contents: [file], ttl_ms: skillTtlMs };
    return { contents: [await readModelResource(deps, uri, principal)], ttl_ms: modelTtlMs };
  });
  bus.serve(surface.complete, async ({ ref, argument: { name, value } }, { principal }) => {
    const access = await accesses.of(principal);
    const models = () => completeModel(deps, { cards: cardsOf(access), access }, value);
    if ('template' in ref) return name === 'model' ? models() : noCompletion;
    const prompt = await promptOf(ref.prompt, access);
    if (prompt === undefined) return noCompletion;
    const found = completeInput(prompt, name, value);
    if (found.values.length > 0) return found;
    if (name === 'model') return models();
    return name === 'provider' ? completeProvider(deps, access, value) : noCompletion;
  });

  return () => {
    const version = versionNow();
    if (version === announced) return;
    announced = version;
    bus.publish(surfaceChanged, { service, lists: ['prompts', 'resources'], version });
  };
}

function runnableCards({ models, providers, wrappers }: CatalogDeps): ModelCard[] {
  return [...models.cards(), ...wrappers.publicCards()]
    .filter(({ isLive, provider }) => isLive && providers.isUsable(provider))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

import { AppError, surfaceChanged, surfaceOf } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelCard } from '../model-card.ts';
import { completeInput, completeModel, completeProvider, noCompletion } from './complete-argument.ts';
import { modelPrefix, modelTemplates, readModelResource } from './model-resources.ts';
import { pageOfResources } from './resource-page.ts';
import { type SkillShelf, skillPrefix, skillTtlMs } from './skill-shelf.ts';
import { makeSolutionPrompts, type SolutionPrompt, writePrompt } from './solution-prompts.ts';

const service = 'catalog';

/** A model changes with a sync of its provider's catalog. */
const modelTtlMs = 300_000;

interface Snapshot {
  version: string;
  prompts: Promise<ReadonlyMap<string, SolutionPrompt>>;
  /** What can be run now, by id. */
  cards: readonly ModelCard[];
}

/**
 * The catalog beside its tools: a prompt for each solution, each model's schema and card as resources, and skills.
 * All of it is made once per snapshot (RF-43). Returns how to tell everybody that there is a new one.
 */
export function serveCatalogSurface(deps: CatalogDeps, shelf: SkillShelf): () => void {
  const { bus, providers } = deps;
  const surface = surfaceOf(service);
  let known: Snapshot | undefined;
  let announced = '';

  const versionNow = () => `${providers.version}.${shelf.version}`;

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

  bus.serve(surface.describe, async ({ known_version: knownVersion }) => {
    const { version, prompts } = current();
    if (version === knownVersion) return { version };
    const offered = [...(await prompts).values()].map((prompt) => prompt.offered);
    const description = {
      scope: 'models:read',
      prompts: offered,
      templates: modelTemplates,
      uri_prefixes: [modelPrefix, skillPrefix],
      skills: shelf.offered(),
    };
    return { version, description };
  });
  bus.serve(surface.getPrompt, async ({ name, arguments: values }) => {
    const prompt = (await current().prompts).get(name);
    if (prompt === undefined) throw new AppError('prompt_not_found', 'There is no such prompt here.');
    return writePrompt(prompt, values);
  });
  bus.serve(surface.listResources, async ({ cursor }) => {
    const page = pageOfResources(current().cards, cursor);
    return cursor === undefined ? { ...page, items: [...shelf.resources(), ...page.items] } : page;
  });
  bus.serve(surface.readResource, async ({ uri }, { principal }) => {
    const file = shelf.read(uri);
    if (file !== undefined) return { contents: [file], ttl_ms: skillTtlMs };
    return { contents: [await readModelResource(deps, uri, principal)], ttl_ms: modelTtlMs };
  });
  bus.serve(surface.complete, async ({ ref, argument: { name, value } }) => {
    if ('template' in ref) {
      return name === 'model' ? completeModel(deps, current().cards, value) : noCompletion;
    }
    const prompt = (await current().prompts).get(ref.prompt);
    if (prompt === undefined) return noCompletion;
    const found = completeInput(prompt, name, value);
    if (found.values.length > 0) return found;
    if (name === 'model') return completeModel(deps, current().cards, value);
    return name === 'provider' ? completeProvider(deps, value) : noCompletion;
  });

  return () => {
    const version = versionNow();
    if (version === announced) return;
    announced = version;
    bus.publish(surfaceChanged, { service, lists: ['prompts', 'resources'], version });
  };
}

function runnableCards({ models, providers }: CatalogDeps): ModelCard[] {
  return [...models.cards()]
    .filter(({ isLive, provider }) => isLive && providers.isUsable(provider))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

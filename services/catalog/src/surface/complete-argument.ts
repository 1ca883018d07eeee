import { type Completion, maxCompletions } from '@inferry/contracts';
import type { CallerAccess } from '../caller-access.ts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelCard } from '../model-card.ts';
import { findModels } from '../search/find-models.ts';
import type { SolutionPrompt } from './solution-prompts.ts';

/** Model ids: those that begin so, then those that the words find. */
export function completeModel(
  { models, wrappers }: CatalogDeps,
  { cards, access }: { cards: readonly ModelCard[]; access: CallerAccess },
  value: string,
): Completion {
  const start = value.toLowerCase();
  const prefixed = start === '' ? [] : cards.filter(({ id }) => id.toLowerCase().startsWith(start));
  const found = findModels([models.index, wrappers.publicIndex], {
    query: value.slice(0, 200).replaceAll('/', ' '),
    filters: {},
    includeOffline: false,
    withFacets: false,
    limit: maxCompletions,
    isUsable: (provider) => access.isUsable(provider),
  });
  const ids = new Set([...prefixed, ...found.cards].map(({ id }) => id));
  return toCompletion([...ids], Math.max(ids.size, found.total));
}

export function completeProvider(
  { providers }: CatalogDeps,
  access: CallerAccess,
  value: string,
): Completion {
  return matching(
    providers.slugs.filter((slug) => access.isUsable(slug)),
    value,
  );
}

/** The values that an input allows; anything else is free text, which nobody can complete. */
export function completeInput({ inputs }: SolutionPrompt, name: string, value: string): Completion {
  const input = inputs.find((candidate) => candidate.name === name);
  const allowed = input?.type?.startsWith('boolean') ? ['true', 'false'] : input?.allowed?.map(String);
  return matching(allowed ?? [], value);
}

export const noCompletion: Completion = { values: [], total: 0, has_more: false };

function matching(values: readonly string[], value: string): Completion {
  const part = value.toLowerCase();
  const starting = values.filter((item) => item.toLowerCase().startsWith(part));
  const holding = values.filter((item) => item.toLowerCase().includes(part));
  const all = [...new Set([...starting, ...holding])];
  return toCompletion(all, all.length);
}

function toCompletion(values: readonly string[], total: number): Completion {
  const shown = values.slice(0, maxCompletions);
  return { values: shown, total, has_more: total > shown.length };
}

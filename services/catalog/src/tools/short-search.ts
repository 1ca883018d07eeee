/**
 * A page of a search that costs an agent little: as many models as fit, the first of them with what tells whether they will
 * do, the rest by name. Whoever gives a limit is shown all of each.
 */
import { clip, isShort, type ModelSummary, mostThatIsShort, searchModels } from '@inferry/contracts';
import type { z } from 'zod';

export type SearchPage = z.infer<typeof searchModels.output>;

/** What names alone may take: of a question the best hits matter, of a look around how many there are. */
const nameBytes = { question: 400, look: 820 };
const maxSummary = 100;
const maxFacetValues = 20;

/** How many of the models are shown. */
export function countThatFits(items: readonly ModelSummary[], isQuestion: boolean): number {
  const room = isQuestion ? nameBytes.question : nameBytes.look;
  let used = 0;
  const end = items.findIndex((item) => {
    used += JSON.stringify(named(item)).length + 1;
    return used > room;
  });
  return end === -1 ? items.length : Math.max(end, 1);
}

/** What is not known from the id, or is as usual, is left out. */
export function toListed(summary: ModelSummary): ModelSummary {
  const { title, provider: _provider, kind, capabilities: _capabilities, summary: about, ...rest } = summary;
  const described = about === undefined || about === '' ? title : about;
  return {
    ...rest,
    ...(kind === undefined || kind === 'model' ? {} : { kind }),
    ...(described === undefined ? {} : { summary: described }),
  };
}

/** The page with as much of each model as fits, from the first one on. */
export function shorten(page: SearchPage): SearchPage {
  const items = page.items ?? [];
  const facets = page.facets === undefined ? {} : { facets: fewer(page) };
  const detailed = (count: number): SearchPage => ({
    ...page,
    ...facets,
    items: items.map((item, at) => (at < count ? brief(item) : named(item))),
  });
  return detailed(mostThatIsShort(0, items.length, (count) => isShort(searchModels, detailed(count))));
}

/** The name alone, and whether it cannot be used now. */
function named({ model, live, connected }: ModelSummary): ModelSummary {
  if (connected === false) return { model, connected };
  return live === false ? { model, live } : { model };
}

function brief(item: ModelSummary): ModelSummary {
  return item.summary === undefined ? item : { ...item, summary: clip(item.summary, maxSummary) };
}

/** The values with the most models, as many of each dimension as fit. */
function fewer({ facets = {}, ...page }: SearchPage): Record<string, unknown> {
  const items = (page.items ?? []).map(({ model }) => ({ model }));
  const best = (count: number) =>
    Object.fromEntries(
      Object.entries(facets).map(([dimension, values]) => [
        dimension,
        // as: a facet is values and how many models have each.
        Object.fromEntries(Object.entries(values as Record<string, number>).slice(0, count)),
      ]),
    );
  return best(
    mostThatIsShort(1, maxFacetValues, (count) =>
      isShort(searchModels, { ...page, items, facets: best(count) }),
    ),
  );
}

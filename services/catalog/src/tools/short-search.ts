/**
 * A page of a search that costs an agent little: as many models as fit, the first of them with what tells whether they will
 * do, the rest by name. Whoever gives a limit is shown all of each.
 */
import { clip, type ModelSummary, mostThatIsShort, type searchModels } from '@inferry/contracts';
import type { z } from 'zod';

export type SearchPage = z.infer<typeof searchModels.reply>;

/** Says of a page whether its result is short. */
type IsShort = (page: SearchPage) => boolean;

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
export function toListed(
  summary: ModelSummary,
  { with_names: withNames }: { with_names?: boolean | undefined } = {},
): ModelSummary {
  const { title, provider: _provider, kind, capabilities, summary: about, ...rest } = summary;
  const described = about === undefined || about === '' ? title : about;
  const names = withNames === true ? { title, capabilities } : {};
  return {
    ...rest,
    ...names,
    ...(kind === undefined || kind === 'model' ? {} : { kind }),
    ...(described === undefined ? {} : { summary: described }),
  };
}

/** The page with as much of each model as fits, from the first one on. */
export function shorten(page: SearchPage, isShort: IsShort): SearchPage {
  const items = page.items ?? [];
  const facets = page.facets === undefined ? {} : { facets: fewer(page, isShort) };
  const detailed = (count: number): SearchPage => ({
    ...page,
    ...facets,
    items: items.map((item, at) => (at < count ? brief(item) : named(item))),
  });
  return detailed(mostThatIsShort(0, items.length, (count) => isShort(detailed(count))));
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
function fewer({ facets = {}, ...page }: SearchPage, isShort: IsShort): Record<string, unknown> {
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
    mostThatIsShort(1, maxFacetValues, (count) => isShort({ ...page, items, facets: best(count) })),
  );
}

import type { Handler } from '@inferry/bus';
import { AppError, clip, type ModelSummary, mostThatIsShort, type searchModels } from '@inferry/contracts';
import type { z } from 'zod';
import type { CallerAccess } from '../caller-access.ts';
import { shortlistFor } from '../curation/shortlist.ts';
import type { CatalogDeps } from '../deps.ts';
import { type ModelCard, toSummary } from '../model-card.ts';
import { searchPatienceMs } from '../own/own-models.ts';
import { type FoundModels, findModels, type ModelSearch } from '../search/find-models.ts';

const defaultLimit = 20;
const numberedLimit = 10;
/** A shortlist is read whole. */
const shortlistLimit = 100;

type Search = Parameters<Handler<typeof searchModels>>[0];

export function handleSearchModels(deps: CatalogDeps): Handler<typeof searchModels> {
  const { models, providers, own, wrappers } = deps;
  return async (input, context) => {
    const { principal, isShort } = context;
    const access = await deps.accesses.of(principal);
    const mine = await own.of(principal, input.provider, { patienceMs: searchPatienceMs });
    const { index: ownWrappers, isStale: isOwnStale } = await wrappers.ownIndex(principal, searchPatienceMs);
    const owned = [...mine.catalogs.map(({ index }) => index), ownWrappers];
    const isMine = input.mine === true;
    const scope = isMine ? [] : slugsOf(deps, input);
    if (mine.catalogs.length === 0 && ownWrappers.size === 0) refuseWithoutSnapshot(scope, providers);
    // The caller's own are in the list of all too, once they are public.
    const isWanted = (card: ModelCard) => (ownWrappers.get(card.id) ?? card) === card;
    const isOldList = isOwnStale || mine.isIncomplete;
    const isStale = isOldList || scope.some((slug) => providers.isStale(slug));
    const rest = isStale ? ({ stale: true } as const) : {};
    const wished = toSearch(access, input);
    const search: ModelSearch = {
      ...wished,
      isWanted: (card) => isWanted(card) && wished.isWanted?.(card) !== false,
    };
    const asked = { input, access, search, rest, isShort };
    const indexes = isMine ? owned : [models.index, wrappers.publicIndex, ...owned];
    return input.shortlist === undefined ? toFound(indexes, asked) : toShortlist(deps, indexes, asked);
  };
}

interface Asked {
  input: Search;
  access: CallerAccess;
  search: ModelSearch;
  rest: { stale?: true };
  isShort: Parameters<typeof shorten>[1];
}

type Indexes = Parameters<typeof findModels>[0];

function toFound(indexes: Indexes, { input, access, search, rest, isShort }: Asked): SearchPage {
  const find = (limit: number) => {
    const found = findModels(indexes, { ...search, limit });
    const shown = (card: ModelCard) => toSummary(card, access);
    const listed = input.whole === true ? shown : (card: ModelCard) => toListed(shown(card), input);
    return { found, items: found.cards.map(listed) };
  };
  const whole = find(search.limit);
  if (input.limit !== undefined) return toPage(whole, input, rest);
  // A page by its number has as many as it has to, each in as few words as need be.
  if (input.page_number !== undefined) return shorten(toPage(whole, input, rest), isShort);
  const isQuestion = input.query !== undefined || input.facets === true;
  const count = countThatFits(whole.items, isQuestion);
  return shorten(toPage(count < whole.items.length ? find(count) : whole, input, rest), isShort);
}

/** What is recommended, in the order of whoever recommends it. */
function toShortlist(
  { models }: CatalogDeps,
  indexes: Indexes,
  { input, access, search, rest, isShort }: Asked,
): SearchPage {
  const shortlist = shortlistFor(models.curation, input.shortlist ?? '');
  const isWanted = (card: ModelCard) => shortlist.has(card) && (search.isWanted?.(card) ?? true);
  const found = findModels(indexes, { ...search, isWanted, limit: shortlistLimit, offset: 0 });
  const cards = found.cards
    .map((card, at) => ({ card, place: shortlist.placeOf(card) ?? at }))
    .sort((left, right) => left.place - right.place);
  const items = cards.map(({ card }) => toListed(toSummary(card, access), input));
  return shorten(toPage({ found, items }, input, rest), isShort);
}

function toPage(
  { found, items }: { found: FoundModels; items: ModelSummary[] },
  { facets }: Search,
  rest: { stale?: true },
): SearchPage {
  const hint = `Try fewer filters or other words${facets === true ? '' : ', or facets=true for valid values'}.`;
  return {
    items,
    page: {
      total: found.total,
      ...(found.nextCursor === undefined ? {} : { next_cursor: found.nextCursor }),
    },
    ...(found.facets === undefined ? {} : { facets: found.facets }),
    ...rest,
    ...(items.length === 0 ? { hint } : {}),
  };
}

/** The providers in question. */
function slugsOf({ providers }: CatalogDeps, { provider }: Search): string[] {
  return providers.slugs.filter((slug) => provider === undefined || slug === provider);
}

function toSearch(access: CallerAccess, input: Search): ModelSearch {
  const { provider, kind, category, capability, creator } = input;
  return {
    query: input.match === 'substring' ? undefined : input.query,
    ...(input.match === 'substring' && input.query ? { isWanted: holds(input.query) } : {}),
    filters: definedOnly({ provider, kind, category, capability, creator, featured: featuredFilter(input) }),
    includeOffline: input.include_offline ?? false,
    withFacets: input.facets ?? false,
    limit: input.limit ?? (input.page_number === undefined ? defaultLimit : numberedLimit),
    cursor: input.cursor,
    ...numbered(input),
    scope: input.mine === true ? 'mine' : undefined,
    isUsable: memo((slug) => access.isUsable(slug)),
    isShown: (slug) => access.isShown(slug),
  };
}

function numbered({ page_number: number, limit = numberedLimit }: Search): { offset?: number } {
  return number === undefined ? {} : { offset: (number - 1) * limit };
}

/** Whether a text is in a model's name or id as it stands there, whatever its case. */
function holds(text: string): (card: ModelCard) => boolean {
  const wanted = text.toLowerCase();
  return ({ nativeId, title }) =>
    nativeId.toLowerCase().includes(wanted) || title.toLowerCase().includes(wanted);
}

/** RF-68: nothing to show, and the reason is that no provider in question ever answered. */
function refuseWithoutSnapshot(scope: readonly string[], providers: CatalogDeps['providers']): void {
  if (scope.length === 0 || scope.some((slug) => providers.hasSnapshot(slug))) return;
  throw new AppError('catalog_fetch_failed', 'The catalog has not been read yet.', {
    retryAfterSeconds: 5,
    nextAction: 'Try again in a few seconds.',
  });
}

/** `featured: false` asks for nothing in particular. */
function featuredFilter({ featured }: Search): string | undefined {
  return featured === true ? 'true' : undefined;
}

function definedOnly<K extends string>(values: Record<K, string | undefined>): Partial<Record<K, string>> {
  // as: entries of `values`, of which only the undefined ones are dropped.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<
    Record<K, string>
  >;
}

/** A provider is asked once a search, not once a model. */
function memo(isUsable: (slug: string) => boolean): (slug: string) => boolean {
  const known = new Map<string, boolean>();
  return (slug) => {
    const before = known.get(slug);
    if (before !== undefined) return before;
    const now = isUsable(slug);
    known.set(slug, now);
    return now;
  };
}

type SearchPage = z.infer<typeof searchModels.reply>;

/** Says of a page whether its result is short. */
type IsShort = (page: SearchPage) => boolean;

/** What names alone may take: of a question the best hits matter, of a look around how many there are. */
const nameBytes = { question: 400, look: 820 };
const maxSummary = 100;
const maxFacetValues = 20;

/** How many of the models are shown. */
function countThatFits(items: readonly ModelSummary[], isQuestion: boolean): number {
  const room = isQuestion ? nameBytes.question : nameBytes.look;
  let used = 0;
  const end = items.findIndex((item) => {
    used += JSON.stringify(named(item)).length + 1;
    return used > room;
  });
  return end === -1 ? items.length : Math.max(end, 1);
}

/** What is not known from the id, or is as usual, is left out. */
function toListed(
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
function shorten(page: SearchPage, isShort: IsShort): SearchPage {
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

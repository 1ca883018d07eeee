import type { ModelCard } from '../model-card.ts';
import { type Dimension, dimensions } from './facet-values.ts';
import { compareRank, type RankKey, type SearchPosition, searchCursors } from './search-cursor.ts';
import type { Matches, SearchIndex } from './search-index.ts';

export interface ModelSearch {
  query?: string | undefined;
  filters: Partial<Record<Dimension, string>>;
  includeOffline: boolean;
  /** Whose models: a cursor is good for the same only. */
  scope?: string | undefined;
  withFacets: boolean;
  limit: number;
  cursor?: string | undefined;
  /** How many of the best are passed over: a page by its number, which has no cursor. */
  offset?: number | undefined;
  /** What else a model has to be. Default: anything. */
  isWanted?(card: ModelCard): boolean;
  /** Whether the caller can use a provider now; models of the others count as offline. */
  isUsable(provider: string): boolean;
  /** Whether the caller may know of it at all. Default: all may. */
  isShown?(provider: string): boolean;
}

export interface FoundModels {
  cards: ModelCard[];
  total: number;
  nextCursor: string | undefined;
  facets: Record<string, Record<string, number>> | undefined;
}

/** More values of one dimension than an agent wants to read. */
const maxFacetValues = 20;

/**
 * One page of a search. Pages follow one another by key (score, featured, weight, id), never by position, and a key
 * depends on the query and the model alone: when the catalog changes between two pages, nothing is shown twice or
 * passed over, but for a model whose own listing changed.
 */
export function findModels(indexes: readonly SearchIndex[], search: ModelSearch): FoundModels {
  const { query = '', filters, includeOffline } = search;
  const asked = [query, includeOffline, search.scope, dimensions.map((dimension) => filters[dimension])];
  const position = search.cursor === undefined ? undefined : searchCursors.read(asked, search.cursor);
  const { matched, isStrict } = matchWords(indexes, query, position);
  const page =
    search.offset === undefined
      ? new TopPage(search.limit, position?.after)
      : new NumberedPage(search.limit, search.offset);
  const scans = matched.map(({ index, matches }) => ({ index, ...scan(index, matches, { search, page }) }));
  const shown = page.sorted();
  const last = shown.at(-1);
  return {
    cards: shown.map(({ card }) => card),
    total: scans.reduce((sum, { total }) => sum + total, 0),
    nextCursor:
      last !== undefined && page.hasMore && search.offset === undefined
        ? searchCursors.write(asked, { isStrict, after: last.key })
        : undefined,
    facets: search.withFacets ? toFacets(scans) : undefined,
  };
}

interface Matched {
  index: SearchIndex;
  matches: Matches;
}

/** The models of all indexes are one list: half of the words is asked for where any of them has that. */
function matchWords(
  indexes: readonly SearchIndex[],
  query: string,
  position: SearchPosition | undefined,
): { matched: Matched[]; isStrict: boolean } {
  const all = (find: (index: SearchIndex) => Matches) =>
    indexes.map((index) => ({ index, matches: find(index) }));
  if (query.trim() === '') return { matched: all((index) => index.all()), isStrict: true };
  if (position !== undefined) {
    const { isStrict } = position;
    return { matched: all((index) => index.match(query, isStrict)), isStrict };
  }
  const strict = all((index) => index.match(query, true));
  if (strict.some(({ matches }) => matches.slots.length > 0)) return { matched: strict, isStrict: true };
  return { matched: all((index) => index.match(query, false)), isStrict: false };
}

/** Goes over the matches once: keeps the page's, counts all, and counts each facet's values. */
function scan(
  index: SearchIndex,
  { slots, scores }: Matches,
  { search, page }: { search: ModelSearch; page: Page },
): { total: number; counts: Uint32Array[] | undefined } {
  const { values } = index;
  const columns = dimensions.map((dimension) => values.column(dimension));
  const wanted = dimensions.map((dimension) => {
    const value = search.filters[dimension];
    return value === undefined ? undefined : values.numberOf(value);
  });
  const counts = search.withFacets ? dimensions.map(() => new Uint32Array(values.size)) : undefined;
  let total = 0;
  for (const slot of slots) {
    const card = index.cardAt(slot);
    if (card === undefined) continue;
    if (!isListed(card, search)) continue;
    const failed = failedFilter(columns, wanted, slot);
    if (failed === passesNone) continue;
    if (failed === passesAll) {
      total += 1;
      page.offer(card, scores[slot] ?? 0);
    }
    if (counts !== undefined) count(counts, columns, { slot, failed });
  }
  return { total, counts };
}

function isListed(card: ModelCard, search: ModelSearch): boolean {
  const { isLive, provider } = card;
  if (search.isWanted?.(card) === false) return false;
  if (search.includeOffline) return search.isShown?.(provider) ?? true;
  return isLive && search.isUsable(provider);
}

const none: readonly number[] = [];
const passesAll = -1;
const passesNone = -2;

/** The one dimension whose filter the model fails; `passesAll` or `passesNone` (two or more) otherwise. */
function failedFilter(
  columns: readonly (readonly (readonly number[])[])[],
  wanted: readonly (number | undefined)[],
  slot: number,
): number {
  let failed = passesAll;
  for (let at = 0; at < wanted.length; at++) {
    const value = wanted[at];
    if (value === undefined || columns[at]?.[slot]?.includes(value)) continue;
    if (failed !== passesAll) return passesNone;
    failed = at;
  }
  return failed;
}

/** A facet counts what matches all other filters, so that its values are what one could choose instead. */
function count(
  counts: readonly Uint32Array[],
  columns: readonly (readonly (readonly number[])[])[],
  { slot, failed }: { slot: number; failed: number },
): void {
  for (let at = 0; at < counts.length; at++) {
    const column = counts[at];
    if (column === undefined || (failed !== passesAll && failed !== at)) continue;
    const values = columns[at]?.[slot] ?? none;
    // By index: this runs for every value of every match.
    for (let nth = 0; nth < values.length; nth++) {
      const value = values[nth] ?? 0;
      column[value] = (column[value] ?? 0) + 1;
    }
  }
}

interface Scanned {
  index: SearchIndex;
  counts: Uint32Array[] | undefined;
}

function toFacets(scans: readonly Scanned[]): Record<string, Record<string, number>> {
  const facets: Record<string, Record<string, number>> = {};
  const more: Record<string, number> = {};
  dimensions.forEach((dimension, at) => {
    const found = countsByName(scans, at);
    const values = [...found].sort(([a, timesOfA], [b, timesOfB]) => timesOfB - timesOfA || (a < b ? -1 : 1));
    facets[dimension] = Object.fromEntries(values.slice(0, maxFacetValues));
    if (values.length > maxFacetValues) more[dimension] = values.length - maxFacetValues;
  });
  return Object.keys(more).length === 0 ? facets : { ...facets, values_not_shown: more };
}

/** Each index has its own numbers for values: only their names are the same. */
function countsByName(scans: readonly Scanned[], at: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const { index, counts } of scans) {
    counts?.[at]?.forEach((times, value) => {
      if (times === 0) return;
      const name = index.values.nameOf(value);
      found.set(name, (found.get(name) ?? 0) + times);
    });
  }
  return found;
}

interface Ranked {
  card: ModelCard;
  key: RankKey;
}

/** Takes every match, and has those of one page in the end. */
interface Page {
  offer(card: ModelCard, score: number): void;
  sorted(): readonly Ranked[];
  readonly hasMore: boolean;
}

/** All matches in their order, of which a part is shown: a number says how far into the list a page is. */
class NumberedPage implements Page {
  readonly #limit: number;
  readonly #offset: number;
  readonly #all: Ranked[] = [];

  constructor(limit: number, offset: number) {
    this.#limit = limit;
    this.#offset = offset;
  }

  get hasMore(): boolean {
    return this.#all.length > this.#offset + this.#limit;
  }

  offer(card: ModelCard, score: number): void {
    this.#all.push({ card, key: keyOf(card, score) });
  }

  sorted(): readonly Ranked[] {
    const sorted = this.#all.sort((left, right) => compareRank(left.key, right.key));
    return sorted.slice(this.#offset, this.#offset + this.#limit);
  }
}

function keyOf({ isFeatured, weight, id }: ModelCard, score: number): RankKey {
  return { score, isFeatured, weight, id };
}

/** The best `limit` models after a key: a short sorted list, since sorting all matches would cost more. */
class TopPage implements Page {
  readonly #limit: number;
  readonly #after: RankKey | undefined;
  readonly #best: Ranked[] = [];
  hasMore = false;

  constructor(limit: number, after: RankKey | undefined) {
    this.#limit = limit;
    this.#after = after;
  }

  offer(card: ModelCard, score: number): void {
    const worst = this.#best.at(-1);
    const isFull = this.#best.length >= this.#limit;
    // Most models end here, on any page but the last: they cost no object.
    if (isFull && this.hasMore && worst !== undefined && score < worst.key.score) return;
    const key = keyOf(card, score);
    if (this.#after !== undefined && compareRank(key, this.#after) <= 0) return;
    if (isFull) this.hasMore = true;
    if (isFull && worst !== undefined && compareRank(key, worst.key) > 0) return;
    if (isFull) this.#best.pop();
    this.#best.splice(this.#placeOf(key), 0, { card, key });
  }

  sorted(): readonly Ranked[] {
    return this.#best;
  }

  #placeOf(key: RankKey): number {
    let low = 0;
    let high = this.#best.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#best[middle];
      if (other !== undefined && compareRank(other.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

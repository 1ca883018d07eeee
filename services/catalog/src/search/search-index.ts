import type { ModelCard } from '../model-card.ts';
import { FacetValues } from './facet-values.ts';
import { intentOf } from './intents.ts';
import { TermPostings } from './term-postings.ts';
import { normalize, toNameWords, toQueryTerms, toWords } from './tokenize.ts';

/** Whole names win over any sum of words (12 words of at most 80 each). */
const exactNameScore = 10_000;
const exactLastPartScore = 5_000;
const titleStartScore = 1_000;
/** More than the words of a sentence are worth, less than a name. */
const intentScore = 700;
/** As if every word had been found. */
const intentCoverage = 100;

/** Models that match a query, by slot: `scores[slot]` is set for the slots listed and for no other. */
export interface Matches {
  slots: readonly number[];
  scores: Readonly<Int32Array>;
}

/**
 * Full text and filter values of every listed model, in memory. A model that changes gets a new slot and its old one
 * dies, so that adding is all that happens to the postings; `deadShare` tells when to build a fresh index.
 */
export class SearchIndex {
  readonly values = new FacetValues();
  readonly #terms = new TermPostings();
  readonly #cards: (ModelCard | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  /** Normalised ids and titles, to slots. */
  readonly #names = new Map<string, number[]>();
  readonly #lastParts = new Map<string, number[]>();
  readonly #titles: string[] = [];
  #scratch = { best: new Float32Array(0), scores: new Int32Array(0), coverage: new Float32Array(0) };

  /** Models listed. */
  get size(): number {
    return this.#slots.size;
  }

  get deadShare(): number {
    return this.#cards.length === 0 ? 0 : 1 - this.#slots.size / this.#cards.length;
  }

  /** One more than the highest slot. */
  get slotCount(): number {
    return this.#cards.length;
  }

  get(id: string): ModelCard | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#cards[slot];
  }

  cardAt(slot: number): ModelCard | undefined {
    return this.#cards[slot];
  }

  put(card: ModelCard): void {
    this.remove(card.id);
    const slot = this.#cards.push(card) - 1;
    this.#slots.set(card.id, slot);
    this.values.set(slot, card);
    this.#titles[slot] = normalize(card.title);
    for (const name of new Set([card.id, card.nativeId, card.title].map(normalize)))
      append(this.#names, name, slot);
    append(this.#lastParts, normalize(card.nativeId.slice(card.nativeId.lastIndexOf('/') + 1)), slot);
    this.#terms.add(slot, {
      title: toNameWords(card.title),
      id: toNameWords(card.id),
      tags: card.tags.flatMap(toWords),
      categories: [...card.categories, ...card.capabilities]
        .flatMap(toWords)
        .concat(card.capabilities.map(mark)),
      creator: toWords(card.creator),
      summary: toWords(card.summary),
    });
  }

  remove(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#cards[slot] = undefined;
  }

  /** Every listed model, unranked. */
  all(): Matches {
    return { slots: [...this.#slots.values()], scores: this.#sizedScratch().scores };
  }

  /**
   * The models that match the words, with their scores. `isStrict` asks for at least half of the weight of the words;
   * otherwise any one of them is enough. The scores are valid until the next call.
   */
  match(query: string, isStrict: boolean): Matches {
    const { best, scores, coverage } = this.#sizedScratch();
    const terms = toQueryTerms(query);
    const matched: number[] = [];
    for (const { word, weight } of terms) {
      const touched: number[] = [];
      this.#terms.match(word, (slot, value) => {
        const known = best[slot] ?? 0;
        if (known === 0) touched.push(slot);
        if (value > known) best[slot] = value;
      });
      for (const slot of touched) {
        if (coverage[slot] === 0) matched.push(slot);
        coverage[slot] = (coverage[slot] ?? 0) + weight;
        scores[slot] = (scores[slot] ?? 0) + Math.round((best[slot] ?? 0) * weight);
        best[slot] = 0;
      }
    }
    this.#addIntent(query, { matched, coverage, scores });
    const needed = isStrict ? terms.reduce((sum, term) => sum + term.weight, 0) / 2 : 0;
    const slots = matched.filter(
      (slot) => this.#cards[slot] !== undefined && (coverage[slot] ?? 0) >= needed,
    );
    this.#addNameScores(query, slots, scores);
    for (const slot of matched) coverage[slot] = 0;
    return { slots, scores };
  }

  /**
   * What does what the sentence asks for is found whether or not a word of it stands there, unless the sentence names
   * something that is listed: then that is asked for, and doing it counts in favour of what has the name.
   */
  #addIntent(
    query: string,
    { matched, coverage, scores }: { matched: number[]; coverage: Float32Array; scores: Int32Array },
  ): void {
    const asked = intentOf(normalize(query));
    if (asked === undefined) return;
    const isNamed = toQueryTerms(asked.rest).some(
      ({ word, weight }) => weight === 1 && this.#terms.has(word),
    );
    const given = new Set<number>();
    asked.capabilities.forEach((capability, nth) => {
      this.#terms.exactly(mark(capability), (slot) => {
        if (given.has(slot) || (isNamed && coverage[slot] === 0)) return;
        given.add(slot);
        if (coverage[slot] === 0) matched.push(slot);
        if (!isNamed) coverage[slot] = intentCoverage;
        // What is meant first counts a little more.
        scores[slot] = (scores[slot] ?? 0) + intentScore - nth * 100;
      });
    });
  }

  #addNameScores(query: string, slots: readonly number[], scores: Int32Array): void {
    const name = normalize(query);
    if (name === '') return;
    const exact = new Set(this.#names.get(name));
    const last = new Set(this.#lastParts.get(name));
    const start = `${name} `;
    for (const slot of slots) {
      if (exact.has(slot)) scores[slot] = (scores[slot] ?? 0) + exactNameScore;
      else if (last.has(slot)) scores[slot] = (scores[slot] ?? 0) + exactLastPartScore;
      else if (this.#titles[slot]?.startsWith(start)) scores[slot] = (scores[slot] ?? 0) + titleStartScore;
    }
  }

  /** Cleared arrays for one search, kept from search to search. */
  #sizedScratch(): { best: Float32Array; scores: Int32Array; coverage: Float32Array } {
    if (this.#scratch.scores.length < this.#cards.length) {
      const size = Math.max(1_024, this.#cards.length * 2);
      this.#scratch = {
        best: new Float32Array(size),
        scores: new Int32Array(size),
        coverage: new Float32Array(size),
      };
    }
    this.#scratch.scores.fill(0);
    return this.#scratch;
  }
}

/** A capability as one term, which no word of a query is or begins. */
function mark(capability: string): string {
  return `\u0000${capability}`;
}

function append(lists: Map<string, number[]>, key: string, slot: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [slot]);
  else list.push(slot);
}

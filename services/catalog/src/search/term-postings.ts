import SearchableMap from 'minisearch/SearchableMap';
import { stemOf } from './tokenize.ts';

/** Where a word stands in a model, best first; its weight when it is found there. */
export const fieldWeights = {
  title: 80,
  id: 80,
  tags: 50,
  categories: 50,
  creator: 50,
  summary: 20,
} as const;
export type IndexedField = keyof typeof fieldWeights;

// as: Object.keys of a literal gives its keys.
const fieldNames = Object.keys(fieldWeights) as IndexedField[];
const fieldBits = fieldNames.length;

/** The weight of the best field in a mask of fields. */
const weightOfMask = Uint8Array.from({ length: 1 << fieldBits }, (_, mask) =>
  Math.max(0, ...fieldNames.filter((_name, bit) => mask & (1 << bit)).map((name) => fieldWeights[name])),
);

/** How much of a field's weight a found word is worth. */
const prefixQuality = 0.5;
const stemQuality = 0.4;
const fuzzyQuality = 0.25;

/**
 * The words of all models in minisearch's radix tree, each with the models that have it. MiniSearch's own ranking is
 * not used: it weighs a word by how many other models have it, so that any change of the catalog would move every
 * score and pages could not follow one another. Here a score depends on the query and on the one model alone.
 */
export class TermPostings {
  /** A posting is `slot << fieldBits | fields`. */
  readonly #words = new SearchableMap<number[]>();

  add(slot: number, fields: Readonly<Record<IndexedField, readonly string[]>>): void {
    const masks = new Map<string, number>();
    fieldNames.forEach((name, bit) => {
      for (const word of fields[name]) masks.set(word, (masks.get(word) ?? 0) | (1 << bit));
    });
    for (const [word, mask] of masks) {
      this.#words.fetch(word, () => []).push((slot << fieldBits) | mask);
    }
  }

  has(word: string): boolean {
    return this.#words.has(word);
  }

  /** Tells the models that have exactly this word. */
  exactly(word: string, onMatch: (slot: number) => void): void {
    for (const posting of this.#words.get(word) ?? []) onMatch(posting >>> fieldBits);
  }

  /** Tells for each model that has the word, or one like it, how well; the same model may be told several times. */
  match(word: string, onMatch: (slot: number, value: number) => void): void {
    for (const [found, quality] of this.#expand(word)) {
      for (const posting of this.#words.get(found) ?? []) {
        const weight = weightOfMask[posting & ((1 << fieldBits) - 1)] ?? 0;
        onMatch(posting >>> fieldBits, weight * quality);
      }
    }
  }

  /** The indexed words that the searched one may mean, with how sure that is. */
  #expand(word: string): Map<string, number> {
    const found = new Map<string, number>();
    const distance = fuzzyDistance(word);
    if (distance > 0) {
      for (const [like, [, away]] of this.#words.fuzzyGet(word, distance)) {
        found.set(like, fuzzyQuality / away);
      }
    }
    for (const swapped of transpositions(word)) {
      if (this.#words.has(swapped)) found.set(swapped, fuzzyQuality);
    }
    const stem = stemOf(word);
    if (stem !== undefined)
      for (const other of this.#words.atPrefix(stem).keys()) found.set(other, stemQuality);
    // One letter begins too many words to mean one of them.
    if (word.length > 1) {
      for (const longer of this.#words.atPrefix(word).keys()) found.set(longer, prefixQuality);
    }
    found.set(word, 1);
    return found;
  }
}

/** Edits forgiven: none in short words and numbers, where each letter counts. */
function fuzzyDistance(word: string): number {
  if (word.length < 4 || /^\d/.test(word)) return 0;
  return word.length < 8 ? 1 : 2;
}

/** Two letters in the wrong order are one slip, which an edit distance counts as two. */
function transpositions(word: string): string[] {
  if (word.length < 5 || word.length > 24 || /\d/.test(word)) return [];
  return Array.from(
    { length: word.length - 1 },
    (_, at) => word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2),
  );
}

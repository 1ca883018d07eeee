import type { ModelCard } from '../model-card.ts';

/** What search filters and counts by. */
export const dimensions = ['provider', 'kind', 'category', 'capability', 'creator', 'featured'] as const;
export type Dimension = (typeof dimensions)[number];

/** The values of every model in each dimension, as small numbers: comparing and counting them is cheap. */
export class FacetValues {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  /** Equal lists are stored once. */
  readonly #lists = new Map<string, readonly number[]>();
  readonly #bySlot: Record<Dimension, (readonly number[])[]> = {
    provider: [],
    kind: [],
    category: [],
    capability: [],
    creator: [],
    featured: [],
  };

  /** How many values there are: the size of an array that counts them. */
  get size(): number {
    return this.#names.length;
  }

  set(slot: number, card: ModelCard): void {
    this.#bySlot.provider[slot] = this.#intern([card.provider]);
    this.#bySlot.kind[slot] = this.#intern([card.kind]);
    this.#bySlot.category[slot] = this.#intern(card.categories);
    this.#bySlot.capability[slot] = this.#intern(card.capabilities);
    this.#bySlot.creator[slot] = this.#intern(card.creator === '' ? [] : [card.creator]);
    this.#bySlot.featured[slot] = this.#intern(card.isFeatured ? ['true'] : []);
  }

  /** The number of a value, whatever its case; -1 when no model has it. */
  numberOf(value: string): number {
    return this.#numbers.get(value.toLowerCase()) ?? -1;
  }

  nameOf(value: number): string {
    return this.#names[value] ?? '';
  }

  /** One dimension's values, by slot. */
  column(dimension: Dimension): readonly (readonly number[])[] {
    return this.#bySlot[dimension];
  }

  #intern(values: readonly string[]): readonly number[] {
    const numbers = [...new Set(values.map((value) => this.#number(value)))];
    const key = numbers.join(',');
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, numbers);
    return numbers;
  }

  #number(value: string): number {
    const key = value.toLowerCase();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#names.push(value) - 1;
    this.#numbers.set(key, number);
    return number;
  }
}

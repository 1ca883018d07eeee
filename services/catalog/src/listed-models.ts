import type { ModelCard } from './model-card.ts';
import { SearchIndex } from './search/search-index.ts';
import { createTimeSlice } from './time-slice.ts';

/** Dead slots below this share cost less than a fresh index. */
const maxDeadShare = 0.5;
const minSlotsToCompact = 1_000;

/** The models that can be found now, in memory, by id, by native id and by words. */
export class ListedModels {
  #index = new SearchIndex();
  readonly #cards = new Map<string, ModelCard>();
  readonly #byNativeId = new Map<string, Set<string>>();
  readonly #byProvider = new Map<string, Set<string>>();

  get index(): SearchIndex {
    return this.#index;
  }

  get size(): number {
    return this.#cards.size;
  }

  get(id: string): ModelCard | undefined {
    return this.#cards.get(id);
  }

  cards(): Iterable<ModelCard> {
    return this.#cards.values();
  }

  idsOf(provider: string): ReadonlySet<string> {
    return this.#byProvider.get(provider) ?? new Set();
  }

  /** The same native id may exist at several providers. */
  withNativeId(nativeId: string): ModelCard[] {
    const ids = [...(this.#byNativeId.get(nativeId) ?? [])];
    return ids.flatMap((id) => this.#cards.get(id) ?? []);
  }

  put(card: ModelCard): void {
    this.#cards.set(card.id, card);
    addTo(this.#byNativeId, card.nativeId, card.id);
    addTo(this.#byProvider, card.provider, card.id);
    this.#index.put(card);
  }

  remove(id: string): void {
    const card = this.#cards.get(id);
    if (card === undefined) return;
    this.#cards.delete(id);
    removeFrom(this.#byNativeId, card.nativeId, id);
    removeFrom(this.#byProvider, card.provider, id);
    this.#index.remove(id);
  }

  /** Builds a fresh index beside the one in use once too much of that is dead. Nothing may be put meanwhile. */
  async compact(): Promise<void> {
    if (this.#index.slotCount < minSlotsToCompact || this.#index.deadShare < maxDeadShare) return;
    const pause = createTimeSlice();
    const fresh = new SearchIndex();
    for (const card of this.#cards.values()) {
      fresh.put(card);
      await pause();
    }
    this.#index = fresh;
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}

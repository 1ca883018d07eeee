/** The models of every list as they are now, with the documents of those that were looked at. */

import { Recent } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { type Curation, noCuration } from './curation/curation.ts';
import type { DetailStore, ModelDetail } from './details/describe-models.ts';
import type { ModelCard } from './model-card.ts';
import { SearchIndex } from './search/search-index.ts';
import { fingerprintOf } from './sync/snapshot-reader.ts';
import type { SnapshotStore } from './sync/snapshot-store.ts';
import { createTimeSlice } from './time-slice.ts';
import type { WrapperView } from './wrappers/wrapper-document.ts';

/** Dead slots below this share cost less than a fresh index. */
const maxDeadShare = 0.5;
const minSlotsToCompact = 1_000;
const none: ReadonlySet<string> = new Set();

/** The models that can be found now, in memory, by id, by native id and by words; curated as the operator wants. */
export class ListedModels {
  #index = new SearchIndex();
  #curation = noCuration;
  /** Another curation has been set than the cards below were made with. */
  #isRecurationDue = false;
  readonly #cards = new Map<string, ModelCard>();
  /** As their provider lists them, where the operator wants them otherwise or hidden. */
  readonly #originals = new Map<string, ModelCard>();
  readonly #byNativeId = new Map<string, Set<string>>();
  readonly #byAlias = new Map<string, Set<string>>();
  readonly #byProvider = new Map<string, Set<string>>();
  readonly #hiddenByProvider = new Map<string, Set<string>>();

  get index(): SearchIndex {
    return this.#index;
  }

  get size(): number {
    return this.#cards.size;
  }

  get curation(): Curation {
    return this.#curation;
  }

  /** Takes effect for cards that are put from now on, and for all of them by `recurate`. */
  set curation(curation: Curation) {
    this.#curation = curation;
    this.#isRecurationDue = true;
  }

  get(id: string): ModelCard | undefined {
    return this.#cards.get(id);
  }

  /** Whether or not it is hidden. */
  known(id: string): ModelCard | undefined {
    return this.#cards.get(id) ?? this.#originals.get(id);
  }

  cards(): Iterable<ModelCard> {
    return this.#cards.values();
  }

  idsOf(provider: string): ReadonlySet<string> {
    return this.#byProvider.get(provider) ?? none;
  }

  /** The hidden ones too. */
  knownIdsOf(provider: string): ReadonlySet<string> {
    const hidden = this.#hiddenByProvider.get(provider) ?? none;
    return hidden.size === 0 ? this.idsOf(provider) : new Set([...this.idsOf(provider), ...hidden]);
  }

  /** The same native id may exist at several providers. */
  withNativeId(nativeId: string): ModelCard[] {
    return this.#cardsIn(this.#byNativeId.get(nativeId));
  }

  /** By another id that their platforms take for them, such as a slug. */
  withAlias(alias: string): ModelCard[] {
    return this.#cardsIn(this.#byAlias.get(alias));
  }

  #cardsIn(ids: ReadonlySet<string> = none): ModelCard[] {
    return [...ids].flatMap((id) => this.#cards.get(id) ?? []);
  }

  /** `listed` is the card as its provider has it. */
  put(listed: ModelCard): void {
    const { id, provider } = listed;
    if (this.#curation.isHidden(id)) {
      this.remove(id);
      this.#originals.set(id, listed);
      addTo(this.#hiddenByProvider, provider, id);
      return;
    }
    const card = this.#curation.apply(listed);
    this.#forgetAliases(id);
    if (card === listed) this.#originals.delete(id);
    else this.#originals.set(id, listed);
    removeFrom(this.#hiddenByProvider, provider, id);
    this.#cards.set(id, card);
    addTo(this.#byNativeId, card.nativeId, id);
    for (const alias of card.aliases) addTo(this.#byAlias, alias, id);
    addTo(this.#byProvider, provider, id);
    this.#index.put(card);
  }

  remove(id: string): void {
    const card = this.known(id);
    if (card === undefined) return;
    this.#originals.delete(id);
    removeFrom(this.#hiddenByProvider, card.provider, id);
    this.#forgetAliases(id);
    if (!this.#cards.delete(id)) return;
    removeFrom(this.#byNativeId, card.nativeId, id);
    removeFrom(this.#byProvider, card.provider, id);
    this.#index.remove(id);
  }

  /** A platform may give a model another slug while its id stays. */
  #forgetAliases(id: string): void {
    for (const alias of this.#cards.get(id)?.aliases ?? []) removeFrom(this.#byAlias, alias, id);
  }

  /** Shows every card as the operator wants it now. Nothing else may be put meanwhile. */
  async recurate(): Promise<void> {
    if (!this.#isRecurationDue) return;
    this.#isRecurationDue = false;
    const pause = createTimeSlice();
    for (const id of new Set([...this.#cards.keys(), ...this.#originals.keys()])) {
      await pause();
      const shown = this.#cards.get(id);
      const listed = this.#originals.get(id) ?? shown;
      if (listed === undefined) continue;
      const isSame =
        shown === listed && !this.#curation.isHidden(id) && this.#curation.apply(listed) === listed;
      if (!isSame) this.put(listed);
    }
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

/** A model with everything that there is to say about it. */
export interface ModelDocument {
  id: string;
  provider: string;
  model: ProviderModel;
  /** Another text whenever something of it changed: what is made from a document is kept by it. */
  revision: string;
  updatedAt: number;
  /** The provider no longer lists it. */
  isDeleted: boolean;
  /** Its schemas are known: the list has them, or the provider was asked for this one model. */
  isDescribed: boolean;
  /** Fingerprint of what the list says, where the provider is asked for the rest. */
  listedAs?: string;
  detail?: ModelDetail | undefined;
  /** It exists for the account of one connection alone. */
  isOwn?: true;
  /** It is a wrapper: what it is run with is made for one of its base models. */
  wrapper?: WrapperView;
}

/** A few kilobytes each. */
const maxDocuments = 500;

export interface ModelDocuments {
  /** A model as the database has it. */
  read(id: string): Promise<ModelDocument | undefined>;
  /** Has it read again: something was stored that its listing does not show. */
  forget(id: string): void;
}

/** Reads whole models from the database; those in use stay in memory for as long as they do not change. */
export function createModelDocuments(
  store: SnapshotStore,
  details: DetailStore,
  models: ListedModels,
): ModelDocuments {
  const cache = new Recent<ModelDocument>(maxDocuments);
  return {
    async read(id) {
      const card = models.known(id);
      const cached = cache.get(id);
      if (card !== undefined && cached?.updatedAt === card.updatedAt && !cached.isDeleted) return cached;
      const [stored] = await store.readModels([id]);
      if (stored === undefined) return undefined;
      const { model, updatedAt, isDeleted } = stored;
      const provider = id.slice(0, id.indexOf('/'));
      const listed = {
        id,
        provider,
        model,
        revision: String(updatedAt),
        updatedAt,
        isDeleted,
        isDescribed: true,
      };
      const document =
        model.schemaState === 'summary'
          ? withDetail({ ...listed, listedAs: fingerprintOf(stored.document) }, await details.read(id))
          : listed;
      cache.set(id, document);
      return document;
    },
    forget: (id) => cache.delete(id),
  };
}

/** What changes often is as the list says; what the list leaves out is as the model's own page says. */
export function withDetail(listed: ModelDocument, detail: ModelDetail | undefined): ModelDocument {
  if (detail === undefined) return { ...listed, isDescribed: false };
  const { inputSchema, outputSchema, nativeSchema, examples, readme, price, capabilities } = detail.model;
  const known = listed.model;
  return {
    ...listed,
    revision: `${listed.updatedAt}.${detail.describedAt}`,
    isDescribed: true,
    detail,
    model: {
      ...known,
      inputSchema,
      outputSchema,
      ...(nativeSchema === undefined ? {} : { nativeSchema }),
      examples: examples.length > 0 ? examples : known.examples,
      readme: readme === '' ? known.readme : readme,
      price: known.price.basis === 'unknown' ? price : known.price,
      capabilities: known.capabilities.length > 0 ? known.capabilities : capabilities,
    },
  };
}

/** The models of every list as they are now; details that lists do not have are asked of the platforms once and kept. */
import { AppError, callOf, getModel, hint, Recent, resourceUpdated, toAppError } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import type { Provider, ProviderContext, ProviderModel } from '@inferry/providers';
import { type Parts, withDeadline } from '@inferry/runtime';
import { type Curation, noCuration } from './curation/curation.ts';
import type { ModelCard } from './model-card.ts';
import { SearchIndex } from './search/search-index.ts';
import { resourceUrisOf } from './surface/model-resources.ts';
import { isListable } from './sync/listed-model.ts';
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

interface DescribeModelsOptions {
  store: DetailStore;
  documents: ModelDocuments;
  providerOf(slug: string): Provider | undefined;
  contextFor(provider: string, signal: AbortSignal): Promise<ProviderContext>;
  bus: Parts['bus'];
  log: Parts['log'];
  now(): number;
}

/** What was asked for so long ago is asked for again, while the answer of then is used. */
const oldAfterMs = 24 * 3_600_000;
const timeoutMs = 10_000;
/** Longest wait for a newer answer than the one that there is. */
const renewMs = 1_500;
/** Nobody is asked again sooner after a failure. */
const failedMs = 10_000;
const maxAtOnce = 32;

/**
 * Completes models of platforms whose lists are summaries: asks for a model when it is first needed, once for all who
 * need it, and keeps the answer. While the platform is away, what it said before is served.
 */
export class DescribeModels {
  readonly #options: DescribeModelsOptions;
  readonly #asking = new Map<string, Promise<ModelDocument>>();
  readonly #failed = new Recent<{ at: number; error: AppError }>(1_000);

  constructor(options: DescribeModelsOptions) {
    this.#options = options;
  }

  /** The model with its schemas. Throws `catalog_fetch_failed` when nobody has ever told them. */
  async complete(document: ModelDocument): Promise<ModelDocument> {
    if (document.listedAs === undefined || document.isDeleted) return document;
    const { detail } = document;
    if (detail === undefined) return this.#ask(document);
    if (detail.listedAs !== document.listedAs) {
      // Its listing changed: so may have its schema. The old one is better than none.
      return withDeadline(this.#ask(document), renewMs).catch(() => document);
    }
    if (this.#options.now() - detail.describedAt > oldAfterMs) this.#ask(document).catch(() => undefined);
    return document;
  }

  #ask(document: ModelDocument): Promise<ModelDocument> {
    const { id } = document;
    const open = this.#asking.get(id);
    if (open !== undefined) return open;
    const failed = this.#failed.get(id);
    if (failed !== undefined && this.#options.now() - failed.at < failedMs)
      return Promise.reject(failed.error);
    if (this.#asking.size >= maxAtOnce) {
      return Promise.reject(
        new AppError('busy', 'Too many models are being asked about.', { retryAfterSeconds: 2 }),
      );
    }
    const asked = this.#describe(document)
      .catch((error: unknown) => {
        const failure = toFailure(error);
        this.#failed.set(id, { at: this.#options.now(), error: failure });
        this.#options.log.warn({ err: error, model: id }, 'a model could not be described');
        throw failure;
      })
      .finally(() => this.#asking.delete(id));
    this.#asking.set(id, asked);
    return asked;
  }

  async #describe(document: ModelDocument): Promise<ModelDocument> {
    const { store, documents, bus, now } = this.#options;
    const { id, provider, listedAs = '' } = document;
    // Another replica may have asked meanwhile.
    const stored = await store.read(id);
    const isNew = stored?.listedAs === listedAs && now() - stored.describedAt <= oldAfterMs;
    if (stored !== undefined && isNew) {
      documents.forget(id);
      return withDetail(document, stored);
    }
    const model = await this.#fetch(document);
    const detail = { model, listedAs, describedAt: now() };
    await store.write(id, provider, detail);
    documents.forget(id);
    const isOther = stored !== undefined && JSON.stringify(stored.model) !== JSON.stringify(model);
    if (isOther) for (const uri of resourceUrisOf(id)) bus.publish(resourceUpdated, { uri });
    return withDetail(document, detail);
  }

  async #fetch({ provider: slug, model: { nativeId } }: ModelDocument): Promise<ProviderModel> {
    const { providerOf, contextFor } = this.#options;
    const provider = providerOf(slug);
    if (provider?.describeModel === undefined) {
      throw new AppError('upstream_malformed', 'The provider does not say what this model takes.');
    }
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = provider.describeModel(nativeId, await contextFor(slug, signal));
    const model = await withDeadline(asked, timeoutMs, 'The provider did not answer in time.');
    if (!isListable(model) || model.nativeId !== nativeId) {
      throw new AppError('upstream_malformed', 'The provider describes this model wrongly.');
    }
    return model;
  }
}

function toFailure(error: unknown): AppError {
  const { code } = toAppError(error);
  return new AppError('catalog_fetch_failed', 'The provider does not tell now what this model takes.', {
    retryAfterSeconds: 10,
    nextAction: `Try again in a few seconds${hint`; ${callOf(getModel)} with sections=["summary","pricing"] answers without the provider`}.`,
    details: { reason: code },
    cause: error,
  });
}

/** What a provider said of one model, asked for it alone. */
export interface ModelDetail {
  model: ProviderModel;
  /** Fingerprint of the summary that it was asked for with. */
  listedAs: string;
  describedAt: number;
}

export class DetailStore {
  readonly #queries: Database['queries'];

  constructor(database: Database) {
    this.#queries = database.queries;
  }

  async read(id: string): Promise<ModelDetail | undefined> {
    const row = await this.#queries
      .selectFrom('model_details')
      .selectAll()
      .where('model', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    // as: only this service writes the column, from a ProviderModel.
    const model = JSON.parse(row.document) as ProviderModel;
    return { model, listedAs: row.listed_as, describedAt: row.described_at };
  }

  async write(id: string, provider: string, detail: ModelDetail): Promise<void> {
    const values = {
      document: JSON.stringify(detail.model),
      listed_as: detail.listedAs,
      described_at: detail.describedAt,
    };
    await this.#queries
      .insertInto('model_details')
      .values({ model: id, provider, ...values })
      .onConflict((conflict) => conflict.column('model').doUpdateSet(values))
      .execute();
  }
}

import { hash } from 'node:crypto';
import { AppError, type Principal, Recent, unlessAborted } from '@inferry/contracts';
import type { Provider, ProviderModel } from '@inferry/providers';
import { type Parts, withDeadline } from '@inferry/runtime';
import type { Curation } from '../curation/curation.ts';
import type { ModelDocument } from '../listed-models.ts';
import { toCard, toModelId } from '../model-card.ts';
import { type ProviderKey, type ProviderKeys, toContext } from '../provider-keys.ts';
import { SearchIndex } from '../search/search-index.ts';
import { isListable } from '../sync/listed-model.ts';
import { fingerprintOf } from '../sync/snapshot-reader.ts';
import { createTimeSlice } from '../time-slice.ts';

export interface OwnModelsOptions {
  providers: readonly Provider[];
  keys: ProviderKeys;
  curation(): Curation;
  log: Parts['log'];
  now(): number;
}

/** What exists for one connection alone. */
export interface OwnCatalog {
  provider: string;
  index: SearchIndex;
  documents: ReadonlyMap<string, ModelDocument>;
}

export interface OwnScope {
  catalogs: readonly OwnCatalog[];
  /** Something is missing: a provider or the keys cannot be asked now. */
  isIncomplete: boolean;
}

interface Kept {
  catalog: OwnCatalog | undefined;
  fetchedAt: number;
  failedAt: number;
  fetching: Promise<OwnCatalog> | undefined;
}

/** Whoever made an endpoint a minute ago finds it. */
const freshMs = 60_000;
/** For so long a list is shown while the platform is away. */
const usableMs = 3_600_000;
const failedMs = 5_000;
const timeoutMs = 5_000;
/** A search does not wait longer for one platform: it has the others' models, and the next search this one's too. */
export const searchPatienceMs = 1_500;
const maxConnections = 500;
const maxModels = 1_000;

export const noOwnModels: OwnScope = { catalogs: [], isIncomplete: false };

/**
 * Models that exist for one account only, such as the endpoints somebody runs at a platform. They are listed with the
 * caller's own key, kept in memory by connection and key, and are nowhere else: who cannot get that key from the vault
 * cannot see that they exist.
 */
export class OwnModels {
  readonly #options: OwnModelsOptions;
  readonly #providers: readonly Provider[];
  readonly #kept = new Recent<Kept>(maxConnections);
  readonly #described = new Recent<ModelDocument>(maxConnections);

  constructor(options: OwnModelsOptions) {
    this.#options = options;
    this.#providers = options.providers.filter(
      ({ capabilities, listOwnModels }) => capabilities.ownModels === true && listOwnModels !== undefined,
    );
  }

  /** The caller's own models, of one provider or of all. Never rejects: what cannot be read is left out. */
  async of(
    principal: Principal,
    slug?: string,
    { patienceMs = timeoutMs }: { patienceMs?: number } = {},
  ): Promise<OwnScope> {
    const providers = this.#providers.filter((provider) => slug === undefined || provider.slug === slug);
    if (providers.length === 0) return noOwnModels;
    const found = await Promise.all(providers.map((provider) => this.#read(provider, principal, patienceMs)));
    const catalogs = found.filter((catalog) => catalog !== undefined && catalog !== 'unknown');
    return { catalogs, isIncomplete: found.includes('unknown') };
  }

  /** With its schemas, where the list holds summaries: asked for with the same key, once for each version of it. */
  async complete(document: ModelDocument, principal: Principal): Promise<ModelDocument> {
    const provider = this.#providers.find(({ slug }) => slug === document.provider);
    if (document.isDescribed || provider?.describeModel === undefined) return document;
    const signal = AbortSignal.timeout(timeoutMs);
    const key = await this.#options.keys.get(provider.slug, principal, { signal });
    const kept = `${markOf(key)}/${document.id}@${document.revision}`;
    const known = this.#described.get(kept);
    if (known !== undefined) return known;
    const model = await provider.describeModel(document.model.nativeId, toContext(key, signal));
    if (!isListable(model) || model.nativeId !== document.model.nativeId) {
      throw new AppError('upstream_malformed', 'The provider describes this model wrongly.');
    }
    const described = toOwnDocument(provider.slug, { ...model, schemaState: 'full' }, document.updatedAt);
    this.#described.set(kept, described);
    return described;
  }

  async #read(
    provider: Provider,
    principal: Principal,
    patienceMs: number,
  ): Promise<OwnCatalog | 'unknown' | undefined> {
    try {
      return await withDeadline(this.#keyed(provider, principal), patienceMs);
    } catch (error) {
      this.#options.log.debug({ err: error, provider: provider.slug }, 'own models cannot be listed');
      return 'unknown';
    }
  }

  async #keyed(provider: Provider, principal: Principal): Promise<OwnCatalog | undefined> {
    const signal = AbortSignal.timeout(timeoutMs);
    const key = await this.#options.keys.get(provider.slug, principal, { signal });
    return key === undefined ? undefined : this.#listed(provider, key);
  }

  async #listed(provider: Provider, key: ProviderKey): Promise<OwnCatalog> {
    const { now } = this.#options;
    const kept = this.#keptFor(provider, key);
    const age = now() - kept.fetchedAt;
    const mayAsk = now() - kept.failedAt >= failedMs;
    if (kept.catalog !== undefined && age <= usableMs) {
      if (age > freshMs && mayAsk) this.#fetchOnce(provider, key, kept).catch(() => undefined);
      return kept.catalog;
    }
    if (!mayAsk) throw new AppError('upstream_unavailable', 'The provider did not answer just now.');
    return this.#fetchOnce(provider, key, kept);
  }

  /** By the key too: a connection whose key was replaced may belong to another account. */
  #keptFor(provider: Provider, { connectionId, credential, baseUrl }: ProviderKey): Kept {
    const key = JSON.stringify([provider.slug, connectionId, baseUrl, markOf({ credential })]);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const long = Number.NEGATIVE_INFINITY;
    const kept: Kept = { catalog: undefined, fetchedAt: long, failedAt: long, fetching: undefined };
    this.#kept.set(key, kept);
    return kept;
  }

  #fetchOnce(provider: Provider, key: ProviderKey, kept: Kept): Promise<OwnCatalog> {
    const { now } = this.#options;
    kept.fetching ??= this.#fetch(provider, key)
      .then((catalog) => {
        kept.catalog = catalog;
        kept.fetchedAt = now();
        return catalog;
      })
      .catch((error: unknown) => {
        kept.failedAt = now();
        throw error;
      })
      .finally(() => {
        kept.fetching = undefined;
      });
    return kept.fetching;
  }

  async #fetch(provider: Provider, key: ProviderKey): Promise<OwnCatalog> {
    const signal = AbortSignal.timeout(timeoutMs);
    const listing = provider.listOwnModels?.(toContext(key, signal)) ?? Promise.resolve([]);
    const late = () => new AppError('deadline_exceeded', 'The provider did not answer in time.');
    const models: unknown = await unlessAborted<unknown>(listing, signal, late);
    if (!Array.isArray(models)) throw new AppError('upstream_malformed', 'The provider gave no list.');
    return this.#index(provider.slug, models);
  }

  async #index(provider: string, models: readonly unknown[]): Promise<OwnCatalog> {
    const index = new SearchIndex();
    const documents = new Map<string, ModelDocument>();
    const pause = createTimeSlice();
    const curation = this.#options.curation();
    for (const model of models.slice(0, maxModels)) {
      await pause();
      if (!isListable(model)) continue;
      const document = toOwnDocument(provider, model, this.#options.now());
      if (documents.has(document.id) || curation.isHidden(document.id)) continue;
      documents.set(document.id, document);
      const { updatedAt, revision: fingerprint } = document;
      index.put(toCard({ provider, model, updatedAt, fingerprint }));
    }
    return { provider, index, documents };
  }
}

/** Tells keys apart without holding them. */
function markOf(key: Pick<ProviderKey, 'credential'> | undefined): string {
  return key === undefined ? '' : hash('sha256', key.credential.reveal(), 'base64url');
}

/** Its revision is its content: what is compiled for it is shared only by what is the same. */
export function toOwnDocument(provider: string, model: ProviderModel, updatedAt: number): ModelDocument {
  return {
    id: toModelId(provider, model.nativeId),
    provider,
    model,
    revision: `own-${fingerprintOf(JSON.stringify(model))}`,
    updatedAt,
    isDeleted: false,
    isDescribed: model.schemaState !== 'summary',
    isOwn: true,
  };
}

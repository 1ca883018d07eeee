/** The details of models that a list does not have: asked of their platforms once, kept and read again. */
import { AppError, callOf, getModel, hint, Recent, resourceUpdated, toAppError } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import type { Provider, ProviderContext, ProviderModel } from '@inferry/providers';
import { type Parts, withDeadline } from '@inferry/runtime';
import { type ModelDocument, type ModelDocuments, withDetail } from '../listed-models.ts';
import { resourceUrisOf } from '../surface/model-resources.ts';
import { isListable } from '../sync/listed-model.ts';

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

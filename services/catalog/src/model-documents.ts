import { Recent } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import type { DetailStore, ModelDetail } from './details/detail-store.ts';
import type { ListedModels } from './listed-models.ts';
import { fingerprintOf } from './sync/snapshot-reader.ts';
import type { SnapshotStore } from './sync/snapshot-store.ts';
import type { WrapperView } from './wrappers/wrapper-document.ts';

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

import type { ProviderModel } from '@inferry/providers';
import { BoundedCache } from './bounded-cache.ts';
import type { ListedModels } from './listed-models.ts';
import type { SnapshotStore } from './sync/snapshot-store.ts';

/** A model with everything that there is to say about it. */
export interface ModelDocument {
  id: string;
  provider: string;
  model: ProviderModel;
  updatedAt: number;
  /** The provider no longer lists it. */
  isDeleted: boolean;
}

/** A few kilobytes each. */
const maxDocuments = 500;

/** Reads whole models from the database; those in use stay in memory for as long as they do not change. */
export function createModelDocuments(
  store: SnapshotStore,
  models: ListedModels,
): (id: string) => Promise<ModelDocument | undefined> {
  const cache = new BoundedCache<ModelDocument>(maxDocuments);
  return async (id) => {
    const card = models.get(id);
    const cached = cache.get(id);
    if (card !== undefined && cached?.updatedAt === card.updatedAt && !cached.isDeleted) return cached;
    const [stored] = await store.readModels([id]);
    if (stored === undefined) return undefined;
    const { model, updatedAt, isDeleted } = stored;
    const document = { id, provider: id.slice(0, id.indexOf('/')), model, updatedAt, isDeleted };
    cache.set(id, document);
    return document;
  };
}

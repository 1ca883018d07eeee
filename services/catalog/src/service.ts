import {
  catalogChanged,
  estimateCost,
  getModel,
  listProviders,
  prepareRun,
  searchModels,
} from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { Parts, Readiness, Service } from '@inferry/runtime';
import { ConnectedProviders } from './connected-providers.ts';
import type { CatalogDeps } from './deps.ts';
import { createValidators } from './input/model-validator.ts';
import { ListedModels } from './listed-models.ts';
import { createModelDocuments } from './model-documents.ts';
import { handleListProviders } from './rpc/list-providers.ts';
import { handlePrepareRun } from './rpc/prepare-run.ts';
import { serveCatalogSurface } from './surface/serve-surface.ts';
import { SkillShelf } from './surface/skill-shelf.ts';
import { ProviderSync } from './sync/provider-sync.ts';
import { SnapshotReader } from './sync/snapshot-reader.ts';
import { SnapshotStore } from './sync/snapshot-store.ts';
import { handleEstimateCost } from './tools/estimate-cost.ts';
import { handleGetModel } from './tools/get-model.ts';
import { handleSearchModels } from './tools/search-models.ts';

export interface CatalogOptions {
  providers: readonly Provider[];
  /** How often a provider is asked for its models. Default 5 minutes. */
  syncIntervalMs?: number | undefined;
  /** How often the database is read again, whatever events say. Default 30 seconds. */
  rereadMs?: number | undefined;
  now?: (() => number) | undefined;
  random?: (() => number) | undefined;
}

/** The parts that this service uses; it stores no files. */
export type CatalogParts = Pick<Parts, 'bus' | 'database' | 'limits' | 'log'>;

/** Finds, describes and prices the models of all providers, and checks what they are to be run with. */
export async function createCatalogService(parts: CatalogParts, options: CatalogOptions): Promise<Service> {
  const { bus } = parts;
  const { deps, reader, syncs } = createDeps(parts, options);
  const shelf = await SkillShelf.load(options.providers, (slug) => deps.providers.isUsable(slug));

  bus.serve(searchModels, handleSearchModels(deps));
  bus.serve(getModel, handleGetModel(deps));
  bus.serve(estimateCost, handleEstimateCost(deps));
  bus.serve(prepareRun, handlePrepareRun(deps));
  bus.serve(listProviders, handleListProviders(deps));

  reader.onRead(serveCatalogSurface(deps, shelf));

  const subscription = bus.on(catalogChanged, () => reader.refreshSoon());
  bus.onStatus((isConnected) => {
    if (isConnected) reader.refreshSoon();
  });
  reader.refreshSoon();
  reader.start();
  for (const sync of syncs) sync.start();

  async function stop(): Promise<void> {
    subscription.unsubscribe();
    await Promise.all(syncs.map((sync) => sync.stop()));
    await reader.stop();
  }
  return {
    name: 'catalog',
    readiness: async () => readinessOf(deps),
    drain: () => stop(),
    close: () => stop(),
  };
}

function createDeps(parts: CatalogParts, options: CatalogOptions) {
  const { bus, database, limits, log } = parts;
  const { providers, syncIntervalMs = 300_000, rereadMs = 30_000 } = options;
  const { now = Date.now, random = Math.random } = options;
  const models = new ListedModels();
  const store = new SnapshotStore(database);
  const slugs = providers.map(({ slug }) => slug);
  const reader = new SnapshotReader({ store, models, providers: slugs, log, random, rereadMs });
  const validatorFor = createValidators();
  const deps: CatalogDeps = {
    bus,
    models,
    providers: new ConnectedProviders({ providers, models, reader, syncIntervalMs, now }),
    documents: createModelDocuments(store, models),
    validatorOf: ({ id, updatedAt, model }) => validatorFor(`${id}@${updatedAt}`, model.inputSchema),
  };
  const shared = { bus, limits, store, reader, models, log, intervalMs: syncIntervalMs, now, random };
  const syncs = providers.map((provider) => new ProviderSync({ ...shared, provider }));
  return { deps, reader, syncs };
}

/** One provider's snapshot is enough: the others follow, or are stale. */
function readinessOf({ providers }: CatalogDeps): Readiness {
  const isReady = providers.slugs.length === 0 || providers.slugs.some((slug) => providers.hasSnapshot(slug));
  return { isReady, problems: isReady ? {} : { catalog: 'no snapshot of any provider yet' } };
}

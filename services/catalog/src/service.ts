import {
  catalogChanged,
  estimateCost,
  getModel,
  listCapabilities,
  listProviders,
  prepareRun,
  prepareRuns,
  readModelRecord,
  readPlatformAccount,
  resourceUpdated,
  runFinished,
  searchCommunity,
  searchModels,
  storeMedia,
  uploadWeights,
} from '@inferry/contracts';
import { type AccessClient, createAccessClient, createCredentialClient } from '@inferry/credentials';
import type { KnownPlatform, Provider } from '@inferry/providers';
import type { Parts, Readiness, Service } from '@inferry/runtime';
import { metrics } from '@opentelemetry/api';
import { CallerAccesses, ConnectedProviders } from './caller-access.ts';
import { ModelRecords } from './curation/equal-models.ts';
import { type WatchedCatalogFile, watchCatalogFile } from './curation/watch-catalog-file.ts';
import type { CatalogDeps } from './deps.ts';
import { createValidators } from './input/model-validator.ts';
import { createModelDocuments, DescribeModels, DetailStore, ListedModels } from './listed-models.ts';
import { OwnModels } from './own/own-models.ts';
import { UnlistedModels } from './own/unlisted-models.ts';
import { deploymentContext, type ProviderKeys } from './provider-keys.ts';
import { handleListProviders } from './rpc/list-providers.ts';
import { handlePrepareRun, handlePrepareRuns } from './rpc/prepare-run.ts';
import { resourceUrisOf } from './surface/model-resources.ts';
import { serveCatalogSurface } from './surface/serve-surface.ts';
import { SkillShelf } from './surface/skill-shelf.ts';
import { ProviderSync } from './sync/provider-sync.ts';
import { SnapshotReader } from './sync/snapshot-reader.ts';
import { SnapshotStore } from './sync/snapshot-store.ts';
import { handleEstimateCost } from './tools/estimate-cost.ts';
import { handleGetModel } from './tools/get-model.ts';
import {
  handleListCapabilities,
  handleReadModelRecord,
  handleReadPlatformAccount,
  handleSearchCommunity,
  handleStoreMedia,
  handleUploadWeights,
  type PlatformDeps,
} from './tools/platform.ts';
import { handleSearchModels } from './tools/search-models.ts';
import { completeWrapper } from './wrappers/base-of-wrapper.ts';
import { serveWrappers } from './wrappers/serve-wrappers.ts';
import { Wrappers } from './wrappers/wrappers.ts';

export interface CatalogOptions {
  providers: readonly Provider[];
  /** How often a provider is asked for its models. Default 5 minutes. */
  syncIntervalMs?: number | undefined;
  /** How often the database is read again, whatever events say. Default 30 seconds. */
  rereadMs?: number | undefined;
  /** A file in which an operator says what is curated, hidden and called otherwise. */
  catalogFile?: string | undefined;
  /** Takes what reads that file again, and returns how to stop that; it is read on every change anyway. */
  onReload?: ((reload: () => void) => () => void) | undefined;
  /** How many wrappers one owner may have. Default 100. */
  maxWrappers?: number | undefined;
  /** Where keys for providers come from. Default: the auth service. */
  keys?: ProviderKeys | undefined;
  /** What each caller can use. Default: what the auth service says. */
  access?: Pick<AccessClient, 'of'> | undefined;
  /** Platforms that this release knows, open or not. */
  known?: readonly KnownPlatform[] | undefined;
  now?: (() => number) | undefined;
  random?: (() => number) | undefined;
}

/** The parts that this service uses; it stores no files. */
export type CatalogParts = Pick<Parts, 'bus' | 'database' | 'limits' | 'log' | 'now'>;

/** Finds, describes and prices the models of all providers, and checks what they are to be run with. */
export async function createCatalogService(parts: CatalogParts, options: CatalogOptions): Promise<Service> {
  const { bus } = parts;
  const { deps, reader, syncs, file, keys, access } = createDeps(parts, options);
  const shelf = await SkillShelf.load(options.providers, (slug) => deps.providers.isUsable(slug));
  // The bus hands calls to a replica from its first moment on: it knows by then what is stored, as those beside it do.
  await reader.refresh().catch((err: unknown) => parts.log.warn({ err }, 'the catalog cannot be read'));

  bus.serve(searchModels, handleSearchModels(deps));
  bus.serve(getModel, handleGetModel(deps));
  bus.serve(estimateCost, handleEstimateCost(deps));
  servePlatforms(bus, { ...deps, keys });
  bus.serve(prepareRun, handlePrepareRun(deps));
  bus.serve(prepareRuns, handlePrepareRuns(deps));
  bus.serve(listProviders, handleListProviders(deps));
  serveWrappers(deps, shelf);

  const announceSurface = serveCatalogSurface(deps, shelf);
  // A base model that changed may fit no more; what everybody finds changes with the catalog and with its wrappers.
  reader.onRead(() => {
    announceSurface();
    deps.wrappers.refreshSoon();
  });
  deps.wrappers.onRefreshed(announceSurface);

  reader.onModels((ids) => announceResources(deps, ids));

  const subscription = bus.on(catalogChanged, () => reader.refreshSoon());
  const ends = bus.on(runFinished, ({ model, ...end }) => deps.records.note(model, end));
  bus.onStatus((isConnected) => {
    if (isConnected) reader.refreshSoon();
  });
  reader.refreshSoon();
  reader.start();
  for (const sync of syncs) sync.start();
  measureCatalog(reader, options);
  const stopReloading = options.onReload?.(() => file.reload());

  async function stop(): Promise<void> {
    subscription.unsubscribe();
    ends.unsubscribe();
    stopReloading?.();
    file.close();
    keys.close();
    access.close();
    deps.wrappers.close();
    await Promise.all(syncs.map((sync) => sync.stop()));
    await reader.stop();
    await deps.wrappers.settled();
  }
  return {
    name: 'catalog',
    readiness: async () => readinessOf(deps, bus.problem),
    drain: () => stop(),
    close: () => stop(),
  };
}

/** What is asked of a platform itself. */
function servePlatforms(bus: Parts['bus'], deps: PlatformDeps): void {
  bus.serve(listCapabilities, handleListCapabilities(deps));
  bus.serve(readModelRecord, handleReadModelRecord(deps));
  bus.serve(searchCommunity, handleSearchCommunity(deps));
  bus.serve(uploadWeights, handleUploadWeights(deps));
  bus.serve(storeMedia, handleStoreMedia(deps));
  bus.serve(readPlatformAccount, handleReadPlatformAccount(deps));
}

function createDeps(parts: CatalogParts, options: CatalogOptions) {
  const { bus, database, limits, log } = parts;
  const { providers, rereadMs = 30_000, now = parts.now ?? Date.now, random = Math.random } = options;
  const models = new ListedModels();
  const store = new SnapshotStore(database);
  const slugs = providers.map(({ slug }) => slug);
  const reader = new SnapshotReader({ store, models, providers: slugs, log, random, rereadMs });
  const file = watchFile(options, { models, reader, log });
  const keys = openKeys(parts, options);
  const access = openAccess(parts, options);
  const contextFor = (slug: string, signal: AbortSignal) => deploymentContext(keys, slug, signal);
  const intervalMs = (slug: string) =>
    file.curation.syncIntervalMs(slug) ?? options.syncIntervalMs ?? 300_000;
  const connected = new ConnectedProviders({ providers, models, reader, syncIntervalMs: intervalMs, now });
  const details = new DetailStore(database);
  const documents = createModelDocuments(store, details, models);
  const providerOf = (slug: string) => connected.get(slug);
  const describing = new DescribeModels({ store: details, documents, providerOf, contextFor, bus, log, now });
  const own = new OwnModels({ providers, keys, curation: () => file.curation, log, now });
  const validatorFor = createValidators();
  const validatorOf: CatalogDeps['validatorOf'] = ({ id, revision, model }) =>
    validatorFor(`${id}@${revision}`, model.inputSchema);
  const wrappers = new Wrappers({ bus, database, models, documents, validatorOf, log, now });
  const deps: CatalogDeps = {
    bus,
    database,
    wrappers,
    maxWrappers: options.maxWrappers ?? 100,
    log,
    now,
    models,
    providers: connected,
    accesses: new CallerAccesses({ access, providers: connected, known: options.known ?? [] }),
    documents,
    own,
    unlisted: new UnlistedModels({ keys, now }),
    complete(document, principal) {
      if (document.wrapper !== undefined) return completeWrapper(deps, document, principal);
      return document.isOwn === true ? own.complete(document, principal) : describing.complete(document);
    },
    validatorOf,
    records: new ModelRecords(now),
  };
  const shared = { bus, limits, store, reader, models, log, contextFor, now, random };
  const syncs = providers.map(
    (provider) => new ProviderSync({ ...shared, provider, intervalMs: () => intervalMs(provider.slug) }),
  );
  return { deps, reader, syncs, file, keys, access };
}

function watchFile(
  { catalogFile: path }: CatalogOptions,
  { models, reader, log }: { models: ListedModels; reader: SnapshotReader; log: Parts['log'] },
): WatchedCatalogFile {
  const file = watchCatalogFile({
    path,
    log,
    onChange(curation) {
      models.curation = curation;
      reader.refreshSoon();
    },
  });
  models.curation = file.curation;
  return file;
}

function openKeys({ bus }: CatalogParts, { keys }: CatalogOptions): ProviderKeys & { close(): void } {
  if (keys === undefined) return createCredentialClient(bus);
  return { get: (...args) => keys.get(...args), close() {} };
}

function openAccess({ bus }: CatalogParts, { access, providers }: CatalogOptions): AccessClient {
  if (access === undefined) return createAccessClient(bus, { providers });
  return { of: (principal) => access.of(principal), close() {} };
}

/** More changes at once are told by the lists alone. */
const maxAnnounced = 200;

/** Whoever follows one of these models reads it again. */
function announceResources({ bus }: CatalogDeps, ids: readonly string[]): void {
  for (const id of ids.slice(0, maxAnnounced)) {
    for (const uri of resourceUrisOf(id)) bus.publish(resourceUpdated, { uri });
  }
}

/** One provider's snapshot is enough: the others follow, or are stale. */
function readinessOf({ providers }: CatalogDeps, busProblem: string | undefined): Readiness {
  const hasModels =
    providers.slugs.length === 0 || providers.slugs.some((slug) => providers.hasSnapshot(slug));
  const problems: Record<string, string> = {};
  if (!hasModels) problems.catalog = 'no snapshot of any provider yet';
  if (busProblem !== undefined) problems.bus = busProblem;
  return { isReady: Object.keys(problems).length === 0, problems };
}

/** How many models each provider has here, and how old what is known of them is. */
function measureCatalog(reader: SnapshotReader, { providers, now = Date.now }: CatalogOptions): void {
  const meter = metrics.getMeter('@inferry/catalog');
  const models = meter.createObservableGauge('inferry.catalog.models', {
    description: 'Models of a provider',
  });
  const age = meter.createObservableGauge('inferry.catalog.age', {
    unit: 's',
    description: 'Since a provider was last heard of',
  });
  const failing = meter.createObservableGauge('inferry.catalog.failing', {
    description: '1 while the list of a provider cannot be had',
  });
  meter.addBatchObservableCallback(
    (result) => {
      for (const { slug } of providers) {
        const snapshot = reader.snapshotOf(slug);
        if (snapshot === undefined) continue;
        const labels = { 'gen_ai.provider.name': slug };
        result.observe(models, snapshot.modelCount, labels);
        result.observe(age, Math.max(0, now() - snapshot.checkedAt) / 1_000, labels);
        result.observe(failing, snapshot.error === null ? 0 : 1, labels);
      }
    },
    [models, age, failing],
  );
}

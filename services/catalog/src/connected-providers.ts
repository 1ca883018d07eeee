import { hash } from 'node:crypto';
import type { ProviderState } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { CallerAccess } from './caller-access.ts';
import type { ListedModels } from './listed-models.ts';
import type { SnapshotReader } from './sync/snapshot-reader.ts';

export interface ConnectedProvidersOptions {
  providers: readonly Provider[];
  models: ListedModels;
  reader: SnapshotReader;
  syncIntervalMs(provider: string): number;
  now(): number;
}

/** After this many intervals without an answer a snapshot is stale, even if nobody could record why. */
const staleAfterIntervals = 3;

/** The providers of this deployment and how current their catalogs are. */
export class ConnectedProviders {
  readonly #options: ConnectedProvidersOptions;
  readonly #bySlug: ReadonlyMap<string, Provider>;

  constructor(options: ConnectedProvidersOptions) {
    this.#options = options;
    this.#bySlug = new Map(options.providers.map((provider) => [provider.slug, provider]));
  }

  get(slug: string): Provider | undefined {
    return this.#bySlug.get(slug);
  }

  get slugs(): string[] {
    return [...this.#bySlug.keys()];
  }

  isUsable(slug: string): boolean {
    return this.#bySlug.get(slug)?.ready().isReady ?? false;
  }

  hasSnapshot(slug: string): boolean {
    return this.#options.reader.hasLoaded(slug);
  }

  /** Another text whenever other models, or models of other providers, can be run. */
  get version(): string {
    const { reader, models } = this.#options;
    const states = this.slugs.map(
      (slug) => `${slug}:${reader.loadedVersion(slug)}${this.isUsable(slug) ? '' : '-'}`,
    );
    return hash('sha256', [...states.sort(), models.curation.version].join(','), 'base64url').slice(0, 16);
  }

  isStale(slug: string): boolean {
    const snapshot = this.#options.reader.snapshotOf(slug);
    if (snapshot === undefined) return false;
    const age = this.#options.now() - snapshot.checkedAt;
    return snapshot.error !== null || age > staleAfterIntervals * this.#options.syncIntervalMs(slug);
  }

  /** As one caller sees them. */
  states(access: CallerAccess): ProviderState[] {
    return [...this.#bySlug.values()]
      .filter(({ slug }) => access.isShown(slug))
      .map((provider) => this.#stateOf(provider, access));
  }

  #stateOf(provider: Provider, access: CallerAccess): ProviderState {
    const { models, reader } = this.#options;
    const { syncedAt = 0, checkedAt = 0 } = reader.snapshotOf(provider.slug) ?? {};
    const state: ProviderState = {
      slug: provider.slug,
      title: provider.title,
      ready: access.isUsable(provider.slug),
      models: models.idsOf(provider.slug).size,
      stale: this.isStale(provider.slug),
      capabilities: toNames(provider),
    };
    const refusal = access.refusalOf(provider.slug);
    if (refusal?.nextAction !== undefined) state.how_to_connect = refusal.nextAction;
    if (syncedAt > 0) state.synced_at = new Date(syncedAt).toISOString();
    if (checkedAt > 0) state.checked_at = new Date(checkedAt).toISOString();
    return state;
  }
}

/** `cancel:real`, `progress:percent`, `jobs:remote`, and `watch` and `recover` where they exist. */
function toNames({ capabilities }: Provider): string[] {
  const { cancel, progress, jobs, watch, recover, inputUrls } = capabilities;
  const names = [`cancel:${cancel}`, `progress:${progress}`, `jobs:${jobs}`, `input_urls:${inputUrls}`];
  if (watch) names.push('watch');
  if (recover) names.push('recover');
  return names;
}

/** Which platforms are connected, and what of their models a caller may see and use. */

import { hash } from 'node:crypto';
import { AppError, type Principal, type ProviderState } from '@inferry/contracts';
import type { Access, AccessClient } from '@inferry/credentials';
import type { KnownPlatform, Provider } from '@inferry/providers';
import type { ListedModels } from './listed-models.ts';
import type { SnapshotReader } from './sync/snapshot-reader.ts';

/** What one caller may see and run of the providers of this deployment. */
export interface CallerAccess {
  /** Its models can be run by this caller now. */
  isUsable(provider: string): boolean;
  /** False: to this caller it is as if it were not there. */
  isShown(provider: string): boolean;
  /** Whether only a key is missing; `live` tells the rest. */
  isConnected(provider: string): boolean;
  /** Why this caller cannot run its models, and what to do; undefined when they can. */
  refusalOf(provider: string): AppError | undefined;
}

interface CallerAccessOptions {
  access: Pick<AccessClient, 'of'>;
  providers: ConnectedProviders;
  /** Platforms that are not open here, but could be. */
  known: readonly KnownPlatform[];
}

/** The one way to ask what a caller can use: every tool, list, completion and resource of the catalog goes by it. */
export class CallerAccesses {
  readonly #options: CallerAccessOptions;

  constructor(options: CallerAccessOptions) {
    this.#options = options;
  }

  async of(principal: Principal): Promise<CallerAccess> {
    const { access, providers } = this.#options;
    return toCallerAccess(await access.of(principal), providers);
  }

  /** For a model of a platform that this deployment could have and has not. */
  refusalOfKnown(slug: string): AppError | undefined {
    const platform = this.#options.known.find((one) => one.slug === slug);
    return platform === undefined
      ? undefined
      : notConnected(platform.title, toConnect(platform.howToConnect));
  }
}

function toCallerAccess(access: Access, providers: ConnectedProviders): CallerAccess {
  return {
    isUsable: (slug) => providers.isUsable(slug) && access.stateOf(slug) === 'open',
    isShown: (slug) => access.stateOf(slug) !== 'closed',
    isConnected: (slug) => access.stateOf(slug) === 'open',
    refusalOf(slug) {
      const provider = providers.get(slug);
      if (provider === undefined) return undefined;
      const { title } = provider;
      const state = access.stateOf(slug);
      const ready = provider.ready();
      if (!ready.isReady) return notConnected(title, ready.note);
      if (state === 'open') return undefined;
      if (state === 'refused')
        return notConnected(title, `${title} refuses your key. Replace it, or use another model.`);
      if (!access.mayUseDeployment)
        return notConnected(
          title,
          `Your access has no key of ${title}: bring one (the account page takes it), or use another model.`,
        );
      return notConnected(title, toConnect(provider.howToConnect ?? ''));
    },
  };
}

function toConnect(howToConnect: string): string | undefined {
  return howToConnect === '' ? undefined : `To connect it, ${howToConnect}. Or use another model.`;
}

const askOperator = 'Ask whoever runs this server to connect it, or use another model.';

function notConnected(title: string, nextAction = askOperator): AppError {
  return new AppError('provider_not_connected', `${title} is not connected.`, { nextAction });
}

interface ConnectedProvidersOptions {
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

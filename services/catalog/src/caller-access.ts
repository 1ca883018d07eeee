import { AppError, type Principal } from '@inferry/contracts';
import type { Access, AccessClient } from '@inferry/credentials';
import type { KnownPlatform } from '@inferry/providers';
import type { ConnectedProviders } from './connected-providers.ts';

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

/** What platforms have beside models and runs: each is asked with the key of the caller at hand. */
import type { Handler } from '@inferry/bus';
import {
  AppError,
  type JsonObject,
  type listCapabilities,
  type Principal,
  type readModelRecord,
  type readPlatformAccount,
  type searchCommunity,
  type storeMedia,
  type uploadWeights,
} from '@inferry/contracts';
import type { Provider, ProviderContext } from '@inferry/providers';
import type { CatalogDeps } from '../deps.ts';
import { type ProviderKey, type ProviderKeys, toContext } from '../provider-keys.ts';
import { resolveModel } from '../resolve-model.ts';

export interface PlatformDeps extends CatalogDeps {
  keys: ProviderKeys;
}

/** Of an account behind a shared key: what is left and used, and nobody's name. */
const impersonal = ['taskType', 'taskUUID', 'operation', 'balance', 'currency', 'usage'];

/** With the platform's own names; of one that tells none, what its models do. */
export function handleListCapabilities(deps: CatalogDeps): Handler<typeof listCapabilities> {
  return async ({ provider: slug }, { principal, signal }) => {
    const provider = await providerFor(deps, slug, principal);
    if (provider.listCapabilities !== undefined) {
      return { capabilities: await provider.listCapabilities({ signal }) };
    }
    const ids = [...deps.models.cards()].flatMap((card) => (card.provider === slug ? card.capabilities : []));
    return { capabilities: [...new Set(ids)].sort().map((id) => ({ id, label: id })) };
  };
}

/** Public at the platform: no key goes with it. */
export function handleReadModelRecord(deps: CatalogDeps): Handler<typeof readModelRecord> {
  return async ({ model: name, part, capability }, { principal, signal }) => {
    const { id, provider: slug, model } = await resolveModel(deps, name, principal);
    const provider = await providerFor(deps, slug, principal);
    if (provider.readRecord === undefined) throw withoutThat(provider, 'records of models');
    const query = { nativeId: model.nativeId, part, capability };
    const record = await provider.readRecord(query, { signal });
    return { model: id, title: model.title, ...(record !== undefined && { record }) };
  };
}

export function handleSearchCommunity(deps: PlatformDeps): Handler<typeof searchCommunity> {
  return async ({ provider: slug, ...query }, { principal, signal }) => {
    const { provider, context } = await keyed(deps, slug, { principal, signal });
    if (provider.searchCommunity === undefined) throw withoutThat(provider, 'a search of its community');
    const { total, models } = await provider.searchCommunity(query, context);
    return { total, models: models.map(({ nativeId, ...told }) => ({ id: nativeId, ...told })) };
  };
}

export function handleUploadWeights(deps: PlatformDeps): Handler<typeof uploadWeights> {
  return async ({ provider: slug, weights }, { principal, signal }) => {
    const { provider, context } = await keyed(deps, slug, { principal, signal });
    if (provider.uploadModel === undefined) throw withoutThat(provider, 'uploads of models');
    return { record: await provider.uploadModel(weights, context) };
  };
}

/** Everybody who may use a shared key may put something there; what is there is not theirs to delete. */
export function handleStoreMedia(deps: PlatformDeps): Handler<typeof storeMedia> {
  return async ({ provider: slug, operation, media }, { principal, signal }) => {
    const { provider, context, isShared } = await keyed(deps, slug, { principal, signal });
    if (provider.storeMedia === undefined || provider.deleteMedia === undefined) {
      throw withoutThat(provider, 'a storage of its own');
    }
    if (operation === 'upload') {
      const { record } = await provider.storeMedia(media, context);
      return { record };
    }
    if (isShared) {
      throw new AppError(
        'forbidden',
        `The storage behind this key of ${provider.title} is not yours alone.`,
        {
          nextAction: 'Delete it at the platform, or connect a key of your own.',
        },
      );
    }
    const { record } = await provider.deleteMedia(media, context);
    return { record };
  };
}

export function handleReadPlatformAccount(deps: PlatformDeps): Handler<typeof readPlatformAccount> {
  return async ({ provider: slug }, { principal, signal }) => {
    const { provider, context, isShared } = await keyed(deps, slug, { principal, signal });
    if (provider.readAccount === undefined) throw withoutThat(provider, 'accounts that can be read');
    const record = await provider.readAccount(context);
    return { record: isShared ? only(record, impersonal) : record };
  };
}

function only(record: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.includes(name)));
}

/** A platform that this caller can use; throws with what to do where it is not. */
async function providerFor(
  { providers, accesses }: CatalogDeps,
  slug: string,
  principal: Principal,
): Promise<Provider> {
  const provider = providers.get(slug);
  if (provider === undefined) {
    throw (
      accesses.refusalOfKnown(slug) ??
      new AppError('provider_not_connected', 'There is no such platform here.', {
        nextAction: 'Use another platform.',
      })
    );
  }
  const refusal = (await accesses.of(principal)).refusalOf(slug);
  if (refusal !== undefined) throw refusal;
  return provider;
}

interface Keyed {
  provider: Provider;
  context: ProviderContext;
  /** Others may use the same key. */
  isShared: boolean;
}

async function keyed(
  deps: PlatformDeps,
  slug: string,
  { principal, signal }: { principal: Principal; signal: AbortSignal },
): Promise<Keyed> {
  const provider = await providerFor(deps, slug, principal);
  const key = await deps.keys.get(slug, principal, { signal });
  return { provider, context: toContext(key, signal), isShared: isSharedKey(key, principal) };
}

/** The one user of a system on loopback has its keys to themselves. */
function isSharedKey(key: ProviderKey | undefined, { kind }: Principal): boolean {
  return kind !== 'local' && key?.owner !== 'user';
}

function withoutThat({ title }: Provider, what: string): AppError {
  return new AppError('tool_not_available', `${title} has no ${what}.`);
}

import { AppError } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { ConnectedProviders } from './connected-providers.ts';
import type { ListedModels } from './listed-models.ts';
import type { ModelDocument } from './model-documents.ts';
import { findModels } from './search/find-models.ts';

export interface ModelResolver {
  models: ListedModels;
  providers: ConnectedProviders;
  documents: (id: string) => Promise<ModelDocument | undefined>;
}

const maxSuggestions = 3;

/**
 * The model that a caller names: `<provider>/<native id>`, split at the first slash, or a native id that exactly one
 * connected provider knows (X11). A model that is no longer listed is found too, since old runs name it. Throws
 * `model_not_found` or `ambiguous_model`.
 */
export async function resolveModel(resolver: ModelResolver, name: string): Promise<ModelDocument> {
  const { models, providers, documents } = resolver;
  const slash = name.indexOf('/');
  // A slug of ours in front decides, even when some native id reads the same.
  const isCanonical =
    slash > 0 && (models.get(name) !== undefined || providers.get(name.slice(0, slash)) !== undefined);
  if (isCanonical) {
    const found = await documents(name);
    if (found !== undefined) return found;
  }
  const candidates = models.withNativeId(name);
  const usable = candidates.filter(({ provider }) => providers.isUsable(provider));
  const [only, ...others] = usable.length === 0 ? candidates : usable;
  if (only !== undefined && others.length > 0) throw ambiguous([only, ...others].map(({ id }) => id));
  const found = only === undefined ? undefined : await documents(only.id);
  if (found !== undefined) return found;
  // Of a provider that is no longer connected: still told to whoever asks about an old run.
  const old = slash > 0 && !isCanonical ? await documents(name) : undefined;
  if (old !== undefined) return old;
  throw notFound(resolver, name);
}

/** The model that is to be run, and by whom; throws when it cannot be, with what to do. */
export async function resolveRunnableModel(
  resolver: ModelResolver,
  name: string,
): Promise<{ document: ModelDocument; provider: Provider }> {
  const document = await resolveModel(resolver, name);
  const provider = resolver.providers.get(document.provider);
  if (document.isDeleted || provider === undefined) throw noLongerOffered(resolver, document);
  const { isReady, note } = provider.ready();
  if (!isReady) {
    throw new AppError('provider_not_connected', 'The provider of this model is not connected.', {
      nextAction: note ?? 'Ask whoever runs this server to connect it, or use another model.',
    });
  }
  if (!document.model.isLive) {
    throw new AppError('upstream_unavailable', 'The provider does not serve this model now.', {
      nextAction: 'Use another model from search_models, or try again later.',
    });
  }
  return { document, provider };
}

export function noLongerOffered(resolver: ModelResolver, { id, model }: ModelDocument): AppError {
  const suggestions = suggest(resolver, model.title).filter((other) => other !== id);
  return new AppError('model_not_found', 'This model is no longer offered.', {
    nextAction: nextActionFor(suggestions),
    details: { suggestions },
  });
}

export function isRunnable(resolver: ModelResolver, document: ModelDocument): boolean {
  return !document.isDeleted && document.model.isLive && resolver.providers.isUsable(document.provider);
}

function ambiguous(candidates: string[]): AppError {
  const shown = candidates.sort().slice(0, 20);
  return new AppError('ambiguous_model', 'Several providers have a model of this name.', {
    nextAction: `Call again with one of: ${shown.slice(0, 5).join(', ')}.`,
    details: { candidates: shown },
  });
}

function notFound(resolver: ModelResolver, name: string): AppError {
  const suggestions = suggest(resolver, name);
  return new AppError('model_not_found', 'No connected provider has this model.', {
    nextAction: nextActionFor(suggestions),
    details: { suggestions },
  });
}

function nextActionFor(suggestions: readonly string[]): string {
  if (suggestions.length === 0) return 'Find a model with search_models.';
  return `Did you mean ${suggestions.join(' or ')}? Otherwise find one with search_models.`;
}

function suggest({ models, providers }: ModelResolver, name: string): string[] {
  const { cards } = findModels(models.index, {
    query: name.slice(0, 200),
    filters: {},
    includeOffline: false,
    withFacets: false,
    limit: maxSuggestions,
    isUsable: (provider) => providers.isUsable(provider),
  });
  return cards.map(({ id }) => id);
}

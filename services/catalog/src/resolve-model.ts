import {
  AppError,
  callOf,
  hint,
  type JsonObject,
  modelId,
  type Principal,
  searchModels,
} from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import type { CallerAccess, CallerAccesses, ConnectedProviders } from './caller-access.ts';
import type { ListedModels, ModelDocument, ModelDocuments } from './listed-models.ts';
import { toModelId } from './model-card.ts';
import type { OwnModels } from './own/own-models.ts';
import type { UnlistedModels } from './own/unlisted-models.ts';
import { findModels } from './search/find-models.ts';
import { toWords } from './search/tokenize.ts';
import { type WrapperDocument, Wrappers } from './wrappers/wrappers.ts';

export interface ModelResolver {
  models: ListedModels;
  providers: ConnectedProviders;
  /** What each caller can use. */
  accesses: Pick<CallerAccesses, 'of' | 'refusalOfKnown'>;
  documents: Pick<ModelDocuments, 'read'>;
  own: Pick<OwnModels, 'of'>;
  unlisted: Pick<UnlistedModels, 'find'>;
  wrappers: Pick<Wrappers, 'find' | 'judge'>;
  /** The model with its schemas, where they have to be asked for. Throws `catalog_fetch_failed`. */
  complete(document: ModelDocument, principal: Principal): Promise<ModelDocument>;
}

/** A name, with the options of the run that it is for. */
export type ModelWish = string | { name: string; options: JsonObject };

const maxSuggestions = 3;

/**
 * The model that a caller names: `<provider>/<native id>`, split at the first slash, a name that the operator gave to a
 * model, or a native id that exactly one connected provider knows (X11); where none has that id, another id that a
 * platform takes for its model, such as a slug, does as well. A wrapper is found by its owner's name and its alias, or by
 * its id. What exists for the caller's account alone, or is for nobody but its owner, is found for nobody else. A model
 * that is no longer listed is found too, since old runs name it, and so is one that no list has where its platform takes it
 * by its id. Throws `model_not_found` or `ambiguous_model`.
 */
export async function resolveModel(
  resolver: ModelResolver,
  wish: ModelWish,
  principal: Principal,
): Promise<ModelDocument> {
  const { name, options } = typeof wish === 'string' ? { name: wish, options: {} } : wish;
  const { models, providers } = resolver;
  const slug = slugOf(name);
  // A slug of ours in front decides, even when some native id reads the same.
  const isCanonical =
    slug !== undefined && (models.get(name) !== undefined || providers.get(slug) !== undefined);
  if (isCanonical) {
    const found =
      (await findCanonical(resolver, { name, slug }, principal)) ?? (await findByAlias(resolver, name, slug));
    if (found !== undefined) return found;
  }
  const aliased = await findAliased(resolver, name, principal);
  if (aliased !== undefined) return aliased;
  const made = await findNativeOrWrapper(resolver, name, principal);
  if (made !== undefined) return made;
  // Of a provider that is no longer connected: still told to whoever asks about an old run.
  const old = slug !== undefined && !isCanonical ? await readVisible(resolver, name) : undefined;
  if (old !== undefined) return old;
  const access = await resolver.accesses.of(principal);
  const unlisted = await findUnlisted(resolver, { name, slug, options, access }, principal);
  if (unlisted !== undefined) return unlisted;
  throw notConnected(resolver, slug, access) ?? notFound(resolver, name, access);
}

/** By its platform's slug and its id, or by its id alone where one platform that the caller can use has it. */
async function findUnlisted(
  { models, providers, unlisted }: ModelResolver,
  wish: { name: string; slug: string | undefined; options: JsonObject; access: CallerAccess },
  principal: Principal,
): Promise<ModelDocument | undefined> {
  const { name, slug, options, access } = wish;
  const named = slug === undefined ? undefined : providers.get(slug);
  const nativeId = named === undefined ? name : name.slice(named.slug.length + 1);
  const asked = (named === undefined ? providers.slugs : [named.slug]).filter((each) =>
    access.isUsable(each),
  );
  const found = await Promise.all(
    asked.map(async (each) => {
      const provider = providers.get(each);
      return provider === undefined ? undefined : unlisted.find({ provider, nativeId, options }, principal);
    }),
  );
  const shown = found.filter((document) => document !== undefined && !models.curation.isHidden(document.id));
  if (shown.length > 1) throw ambiguous(shown.flatMap((document) => document?.id ?? []));
  return shown[0];
}

/** A platform that is known and cannot be used by this caller: its models cannot be told apart from made-up ones. */
function notConnected(
  { providers, accesses }: ModelResolver,
  slug: string | undefined,
  access: CallerAccess,
): AppError | undefined {
  if (slug === undefined) return undefined;
  if (providers.get(slug) === undefined) return accesses.refusalOfKnown(slug);
  return access.refusalOf(slug);
}

function slugOf(name: string): string | undefined {
  const slash = name.indexOf('/');
  return slash > 0 ? name.slice(0, slash) : undefined;
}

function findCanonicalName(
  resolver: ModelResolver,
  name: string,
  principal: Principal,
): Promise<ModelDocument | undefined> {
  return findCanonical(resolver, { name, slug: slugOf(name) ?? '' }, principal);
}

/** What an operator's name stands for; of several models the first that this caller can run, else the first that there is. */
async function findAliased(
  resolver: ModelResolver,
  name: string,
  principal: Principal,
): Promise<ModelDocument | undefined> {
  const { curation } = resolver.models;
  const alias = curation.aliasOf(name);
  const ids = alias === undefined ? (curation.groupOf(name)?.models ?? []) : [alias];
  if (ids.length === 0) return undefined;
  const found = await Promise.all(ids.map((id) => findCanonicalName(resolver, id, principal)));
  const known = found.filter((document) => document !== undefined);
  const [first] = known;
  if (known.length < 2) return first;
  const access = await resolver.accesses.of(principal);
  return known.find((document) => isRunnable(document, access)) ?? first;
}

/** What everybody sees comes first; what is no longer listed, last. */
async function findCanonical(
  resolver: ModelResolver,
  { name, slug }: { name: string; slug: string },
  principal: Principal,
): Promise<ModelDocument | undefined> {
  const shared = await readVisible(resolver, name);
  if (shared !== undefined && !shared.isDeleted) return shared;
  const own = await resolver.own.of(principal, slug);
  const found = own.catalogs.map(({ documents }) => documents.get(name)).find((each) => each !== undefined);
  if (found === undefined && shared === undefined && own.isIncomplete) throw cannotTell();
  return found ?? shared;
}

/** `<provider>/<slug>`, where the platform takes the slug for one of its models. */
async function findByAlias(
  resolver: ModelResolver,
  name: string,
  slug: string,
): Promise<ModelDocument | undefined> {
  const named = resolver.models.withAlias(name.slice(slug.length + 1));
  const [only, ...others] = named.filter(({ provider }) => provider === slug);
  return only === undefined || others.length > 0 ? undefined : readVisible(resolver, only.id);
}

async function findNative(
  resolver: ModelResolver,
  name: string,
  principal: Principal,
): Promise<ModelDocument | undefined> {
  const { models } = resolver;
  const own = await resolver.own.of(principal);
  const owned = own.catalogs.flatMap(
    ({ provider, documents }) => documents.get(toModelId(provider, name)) ?? [],
  );
  const named = [...models.withNativeId(name), ...owned];
  const ids = new Set((named.length > 0 ? named : models.withAlias(name)).map(({ id }) => id));
  const access = await resolver.accesses.of(principal);
  const usable = [...ids].filter((id) => access.isUsable(slugOf(id) ?? ''));
  const [only, ...others] = usable.length === 0 ? [...ids] : usable;
  if (only === undefined) return undefined;
  if (others.length > 0) throw ambiguous([only, ...others]);
  return owned.find(({ id }) => id === only) ?? readVisible(resolver, only);
}

/** Neither may stand in for the other: what a name leads to must not depend on who made something yesterday. */
async function findNativeOrWrapper(
  resolver: ModelResolver,
  name: string,
  principal: Principal,
): Promise<ModelDocument | undefined> {
  const looking = findWrapper(resolver, name, principal);
  looking.catch(() => undefined);
  const native = await findNative(resolver, name, principal);
  // A model is found while the database is away, as far as it is in memory.
  const wrapper = await looking.catch((error: unknown) => {
    if (native === undefined) throw error;
    return undefined;
  });
  if (native !== undefined && wrapper !== undefined) {
    throw ambiguous([native.id, wrapper.wrapper.row.wrapper_id]);
  }
  return native ?? wrapper ?? findWrapperAt(resolver, name, principal);
}

async function findWrapper(
  { wrappers }: ModelResolver,
  name: string,
  principal: Principal,
): Promise<WrapperDocument | undefined> {
  const key = Wrappers.keyOf(name);
  return key === undefined ? undefined : wrappers.find(key, principal);
}

/** `<provider>/<owner>/<alias>`: a wrapper over models of that provider, where the provider has no such model itself. */
async function findWrapperAt(
  resolver: ModelResolver,
  name: string,
  principal: Principal,
): Promise<WrapperDocument | undefined> {
  const slug = slugOf(name);
  if (slug === undefined) return undefined;
  const found = await findWrapper(resolver, name.slice(slug.length + 1), principal);
  return found?.provider === slug ? found : undefined;
}

/** Whatever the operator hides is as if it were not there. */
async function readVisible(
  { models, documents }: ModelResolver,
  id: string,
): Promise<ModelDocument | undefined> {
  return models.curation.isHidden(id) ? undefined : documents.read(id);
}

function cannotTell(): AppError {
  return new AppError('catalog_fetch_failed', 'Your own models cannot be listed now.', {
    retryAfterSeconds: 5,
    nextAction: 'Try again in a few seconds.',
  });
}

/** The model that is to be run, and by whom; throws when it cannot be, with what to do. */
export async function resolveRunnableModel(
  resolver: ModelResolver,
  wish: ModelWish,
  principal: Principal,
): Promise<{ document: ModelDocument; provider: Provider }> {
  return mustBeRunnable(resolver, await resolveModel(resolver, wish, principal), principal);
}

/** The same for a model that has been found. */
export async function mustBeRunnable(
  resolver: ModelResolver,
  document: ModelDocument,
  principal: Principal,
): Promise<{ document: ModelDocument; provider: Provider }> {
  const provider = resolver.providers.get(document.provider);
  const access = await resolver.accesses.of(principal);
  if (document.isDeleted || provider === undefined) throw noLongerOffered(resolver, document, access);
  const refusal = access.refusalOf(document.provider);
  if (refusal !== undefined) throw refusal;
  if (!document.model.isLive) {
    throw new AppError('upstream_unavailable', 'The provider does not serve this model now.', {
      nextAction: `Use another model${hint` from ${callOf(searchModels)}`}, or try again later.`,
    });
  }
  return { document: await resolver.complete(document, principal), provider };
}

export function noLongerOffered(
  resolver: ModelResolver,
  { id, model }: ModelDocument,
  access: CallerAccess,
): AppError {
  const suggestions = suggest(resolver, model.title, access).filter((other) => other !== id);
  return new AppError('model_not_found', 'This model is no longer offered.', {
    nextAction: nextActionFor(suggestions),
    details: { suggestions },
  });
}

export function isRunnable(document: ModelDocument, access: CallerAccess): boolean {
  return !document.isDeleted && document.model.isLive && access.isUsable(document.provider);
}

function ambiguous(candidates: string[]): AppError {
  const shown = candidates.sort().slice(0, 20);
  return new AppError('ambiguous_model', 'Several providers have a model of this name.', {
    nextAction: `Call again with one of: ${shown.slice(0, 5).join(', ')}.`,
    details: { candidates: shown },
  });
}

function notFound(resolver: ModelResolver, name: string, access: CallerAccess): AppError {
  const unread = unreadProviders(resolver, name, access);
  if (unread.length > 0) {
    return new AppError(
      'catalog_fetch_failed',
      `Nobody can tell now: the models of ${unread.slice(0, 3).join(', ')} have not been read yet.`,
      { retryAfterSeconds: 5, nextAction: 'Try again in a few seconds.', details: { providers: unread } },
    );
  }
  const unversioned = withoutVersion(resolver, name);
  if (unversioned !== undefined) {
    return new AppError('model_not_found', 'Models are named without a version here.', {
      nextAction: `Call again with model="${unversioned}".`,
      details: { suggestions: [unversioned] },
    });
  }
  const suggestions = suggest(resolver, name, access).filter((id) => id !== name && isAlike(name, id));
  return new AppError('model_not_found', 'No connected provider has this model.', {
    nextAction: nextActionFor(suggestions),
    details: { suggestions },
  });
}

/** Those that may have the model and have never been read, such as all of them while a platform is away at the start. */
function unreadProviders({ providers }: ModelResolver, name: string, access: CallerAccess): string[] {
  const slug = slugOf(name);
  const named = slug !== undefined && providers.get(slug) !== undefined ? [slug] : providers.slugs;
  return named.filter((each) => !providers.hasSnapshot(each) && (each === slug || access.isUsable(each)));
}

/** `owner/name:version`, as some platforms write it, where the model is listed without one. */
function withoutVersion({ models }: ModelResolver, name: string): string | undefined {
  const bare = /^(.+\/[^:]+):[\w.-]+$/.exec(name)?.[1];
  if (bare === undefined) return undefined;
  return models.get(bare)?.id ?? models.withNativeId(bare)[0]?.id;
}

/** Whether half of the telling words of a name are those of an id, or nearly: a guess that is none helps nobody. */
function isAlike(name: string, id: string): boolean {
  const [asked, known] = [name, id].map((it) =>
    toWords(it.slice(it.indexOf('/') + 1)).filter((word) => word.length > 2),
  );
  const found = asked?.filter((word) => known?.some((other) => isNearly(word, other))) ?? [];
  return asked !== undefined && asked.length > 0 && found.length >= asked.length / 2;
}

/** Equal, the beginning of the other, or a slip or two away. */
function isNearly(word: string, other: string): boolean {
  if (word === other) return true;
  if (word.length < 4 || other.length < 4) return false;
  if (other.startsWith(word) || word.startsWith(other)) return true;
  return distance(word.slice(0, 24), other.slice(0, 24)) <= (word.length < 6 ? 1 : 2);
}

/** How many letters are to be put in, left out or changed. */
function distance(word: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [nth, letter] of [...word].entries()) {
    const next = [nth + 1];
    for (const [at, against] of [...other].entries()) {
      const changed = (row[at] ?? 0) + (letter === against ? 0 : 1);
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function nextActionFor(suggestions: readonly string[]): string {
  if (suggestions.length === 0) return hint`Find a model with ${callOf(searchModels)}.`;
  return `Did you mean ${suggestions.map(modelId).join(' or ')}?${hint` Otherwise find one with ${callOf(searchModels)}.`}`;
}

/** Of the platform that the name begins with, if any: whoever names one, such as a mount of one, cannot use another's. */
function suggest({ models, providers }: ModelResolver, name: string, access: CallerAccess): string[] {
  const slug = slugOf(name);
  const provider = slug !== undefined && providers.get(slug) !== undefined ? slug : undefined;
  const { cards } = findModels([models.index], {
    query: (provider === undefined ? name : name.slice(provider.length + 1)).slice(0, 200),
    filters: { ...(provider !== undefined && { provider }) },
    includeOffline: false,
    withFacets: false,
    limit: maxSuggestions,
    isUsable: (provider) => access.isUsable(provider),
  });
  return cards.map(({ id }) => id);
}

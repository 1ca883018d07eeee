import { hash } from 'node:crypto';
import { clip } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import type { ModelCard } from '../model-card.ts';
import type { CatalogFile, OwnPrice } from './catalog-file.ts';
import type { EqualModels } from './equal-models.ts';

/** How an operator wants the catalog otherwise than the providers list it. */
export interface Curation {
  /** Another text for another curation. */
  version: string;
  isHidden(id: string): boolean;
  /** The model that a name of this deployment's own stands for. */
  aliasOf(name: string): string | undefined;
  /** The models that such a name stands for, where it stands for several. */
  groupOf(name: string): EqualModels | undefined;
  /** The operator's own shortlist for a purpose, best first; undefined where there is none. */
  shortlistFor(purpose: string): readonly string[] | undefined;
  /** The model with the price that the operator gives it; the same one where that is its platform's. */
  priced(id: string, model: ProviderModel): ProviderModel;
  /** The card as it is to be shown: the same one where there is nothing to change. */
  apply(card: ModelCard): ModelCard;
  syncIntervalMs(provider: string): number | undefined;
}

function toPrice({ expression, table, currency, basis, text }: OwnPrice): ProviderModel['price'] {
  const words = text ?? expression ?? 'by a table of configurations';
  return {
    text: clip(words, 120),
    currency,
    basis,
    ...(expression && { expression }),
    ...(table && { table, isOwnTable: true }),
  };
}

/** Curated models come before all others, in their order. */
const topWeight = 1e9;

export function createCuration(file: CatalogFile): Curation {
  const ranks = file.featured === undefined ? undefined : new Map(file.featured.map((id, at) => [id, at]));
  const hidden = (file.hidden ?? []).map(toPattern);
  const { models = {}, aliases = {}, providers = {}, recommended = {} } = file;
  const groups = groupNames(aliases);
  const shortlists = new Map(Object.entries(recommended).map(([name, ids]) => [name.toLowerCase(), ids]));
  return {
    version: hash('sha256', JSON.stringify(file), 'base64url').slice(0, 12),
    isHidden: (id) => hidden.some((pattern) => pattern.test(id)),
    aliasOf(name) {
      const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
      return typeof alias === 'string' ? alias : undefined;
    },
    groupOf(name) {
      const group = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
      return typeof group === 'object' ? group : undefined;
    },
    shortlistFor: (purpose) => shortlists.get(purpose.toLowerCase()),
    priced(id, model) {
      const price = Object.hasOwn(models, id) ? models[id]?.price : undefined;
      return price === undefined ? model : { ...model, price: toPrice(price) };
    },
    apply(card) {
      const own = Object.hasOwn(models, card.id) ? models[card.id] : undefined;
      const { price, ...said } = own ?? {};
      const changes = own && { ...said, ...(price && { price: toPrice(price).text }) };
      const rank = ranks?.get(card.id);
      const isFeatured = ranks === undefined ? card.isFeatured : rank !== undefined;
      const names = groups.get(card.id);
      const isSame = changes === undefined && rank === undefined && names === undefined;
      if (isSame && isFeatured === card.isFeatured) return card;
      const changed = withNames({ ...card, ...definedOnly(changes ?? {}), isFeatured }, names);
      return rank === undefined ? changed : { ...changed, weight: topWeight - rank };
    },
    syncIntervalMs(provider) {
      const seconds = Object.hasOwn(providers, provider) ? providers[provider]?.sync_seconds : undefined;
      return seconds === undefined ? undefined : seconds * 1_000;
    },
  };
}

/** Of each model, the names of those that do the same. */
function groupNames(aliases: NonNullable<CatalogFile['aliases']>): ReadonlyMap<string, string[]> {
  const names = new Map<string, string[]>();
  for (const [name, group] of Object.entries(aliases)) {
    if (typeof group === 'string') continue;
    for (const id of group.models) names.set(id, [...(names.get(id) ?? []), name]);
  }
  return names;
}

/** Found by the name too, and whoever reads of it learns that name. */
function withNames(card: ModelCard, names: readonly string[] | undefined): ModelCard {
  if (names === undefined) return card;
  const summary = `${card.summary} Run as ${names.join(' or ')}: one of several that do the same.`.trim();
  return { ...card, summary, tags: [...card.tags, ...names] };
}

export const noCuration: Curation = createCuration({});

/** Each part is looked for once, after the one before it: a name never takes long, however many stars there are. */
function toPattern(text: string): { test(name: string): boolean } {
  const [first = '', ...parts] = text.split('*');
  const last = parts.pop();
  return {
    test(name) {
      if (last === undefined) return name === first;
      if (!name.startsWith(first) || !name.endsWith(last)) return false;
      let at = first.length;
      for (const part of parts) {
        const found = name.indexOf(part, at);
        if (found < 0) return false;
        at = found + part.length;
      }
      return at <= name.length - last.length;
    },
  };
}

function definedOnly<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // as: entries of `values`, of which only the undefined ones are dropped.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

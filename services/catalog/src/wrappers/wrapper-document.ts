/**
 * A wrapper as a model: what the catalog finds, describes and lists goes by the same shape as for any model. Its platform,
 * price and capabilities are those of its default base model, its inputs are its own.
 */
import { type JsonObject, type Problem, Recent } from '@inferry/contracts';
import type { OwnedWrapperRow } from '@inferry/database/wrappers';
import type { ListedModels, ModelDocument } from '../listed-models.ts';
import { type ModelCard, toCard } from '../model-card.ts';
import { fingerprintOf } from '../sync/snapshot-reader.ts';
import { type CompiledDefinition, mustCompile } from './check-definition.ts';
import { type Definition, parseDefinition } from './definition.ts';

export interface WrapperView {
  row: OwnedWrapperRow;
  compiled: CompiledDefinition;
  /** Ids of its base models, the default one first. */
  bases: readonly [string, ...string[]];
  /** Why it no longer fits its default base model, where that is known. */
  problems: readonly Problem[];
}

export function wrapperName({ owner, alias }: Pick<OwnedWrapperRow, 'owner' | 'alias'>): string {
  return `${owner}/${alias}`;
}

/** Compiled definitions by wrapper and version. */
const maxCompiled = 500;

export type ReadCompiled = (row: OwnedWrapperRow) => CompiledDefinition;

export function createCompiler(): ReadCompiled {
  const cache = new Recent<CompiledDefinition>(maxCompiled);
  return (row) => {
    const key = `${row.wrapper_id}@${row.version}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const stored: JsonObject = JSON.parse(row.definition);
    const made = mustCompile(parseDefinition(stored));
    cache.set(key, made);
    return made;
  };
}

export function basesOf({
  default_base_model: wanted,
  base_models: bases,
}: Definition): [string, ...string[]] {
  const ids = bases.map(({ model }) => model);
  const [first = '', ...others] = [...new Set([...(wanted === undefined ? [] : [wanted]), ...ids])];
  return [first, ...others];
}

export function toWrapperDocument(
  row: OwnedWrapperRow,
  {
    compiled,
    models,
    problems = [],
  }: { compiled: CompiledDefinition; models: ListedModels; problems?: Problem[] },
): ModelDocument & { wrapper: WrapperView } {
  const { definition } = compiled;
  const id = wrapperName(row);
  const bases = basesOf(definition);
  const card = models.get(bases[0]);
  const { title = row.alias, category } = definition;
  return {
    id,
    provider: card?.provider ?? bases[0].slice(0, bases[0].indexOf('/')),
    model: {
      nativeId: id,
      title,
      summary: definition.summary ?? definition.description?.split('\n', 1)[0]?.slice(0, 300) ?? '',
      kind: 'wrapper',
      categories: [...new Set([...(category === undefined ? [] : [category]), ...(card?.categories ?? [])])],
      capabilities: [...(card?.capabilities ?? [])],
      creator: row.owner,
      tags: definition.tags ?? [],
      isFeatured: false,
      isLive: (card?.isLive ?? models.known(bases[0]) === undefined) && problems.length === 0,
      weight: 0,
      inputSchema: definition.input_schema,
      outputSchema: {},
      price: { text: card?.price ?? '', currency: 'USD', basis: 'unknown' },
      examples: [],
      readme: definition.description ?? '',
      ...(definition.cover_url === undefined ? {} : { coverUrl: definition.cover_url }),
    },
    revision: `${row.wrapper_id}.${row.version}`,
    updatedAt: row.updated_at,
    isDeleted: false,
    isDescribed: false,
    wrapper: { row, compiled, bases, problems },
  };
}

export function toWrapperCard({ id, provider, model, updatedAt, revision }: ModelDocument): ModelCard {
  const fingerprint = fingerprintOf(`${revision}.${model.isLive}.${model.price.text}`);
  return toCard({ id, provider, model, updatedAt, fingerprint });
}

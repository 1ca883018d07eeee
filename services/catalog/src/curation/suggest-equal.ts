/**
 * Which models of several platforms may do the same: those of one name that take and make the same. It is for an operator to
 * read and to write into `CATALOG_FILE`; nothing is done with it by itself.
 */
import type { Database } from '@inferry/database';
import type { ProviderModel } from '@inferry/providers';
import { schemasOf } from '../input/foreign-schema.ts';
import { capabilitiesOf } from '../taxonomy.ts';
import type { CatalogFile } from './catalog-file.ts';
import type { FieldNames } from './equal-fields.ts';

export interface EqualSuggestion {
  /** A name that callers might use. */
  alias: string;
  /** What all of them take and make. */
  capabilities: string[];
  models: string[];
  /** As they may stand in the file, as far as names are alike enough to tell. */
  fields: Record<string, FieldNames>;
  /** By model: fields of the first that it has nothing like, and required ones of its own that the first has not. */
  open: Record<string, { missing: string[]; needs: string[] }>;
}

export interface NamedModel {
  id: string;
  provider: string;
  model: ProviderModel;
}

/** The listed models, with what their own pages say where the lists are summaries. */
export async function readCatalogModels({ queries }: Database): Promise<NamedModel[]> {
  const rows = await queries
    .selectFrom('models')
    .leftJoin('model_details', 'model_details.model', 'models.model')
    .select(['models.model', 'models.provider', 'models.document', 'model_details.document as detail'])
    .where('models.deleted_at', 'is', null)
    .orderBy('models.model')
    .execute();
  return rows.map(({ model: id, provider, document, detail }) => {
    // as: the catalog is the only writer of these columns.
    const listed = JSON.parse(document) as ProviderModel;
    const own = detail === null ? undefined : (JSON.parse(detail) as ProviderModel);
    return { id, provider, model: own === undefined ? listed : { ...listed, inputSchema: own.inputSchema } };
  });
}

export function suggestEqualModels(
  all: readonly NamedModel[],
  { aliases = {} }: Pick<CatalogFile, 'aliases'> = {},
): EqualSuggestion[] {
  const grouped = Object.values(aliases).flatMap((alias) =>
    typeof alias === 'string' ? [] : [alias.models],
  );
  const isKnown = (ids: readonly string[]) =>
    grouped.some((models) => ids.every((id) => models.some((known) => known === id)));
  return clusters(all.filter(({ model }) => model.isLive && model.kind === 'model'))
    .map(onePerPlatform)
    .filter((models) => models.length > 1 && !isKnown(models.map(({ id }) => id)))
    .map(toSuggestion)
    .sort((one, other) => other.models.length - one.models.length || (one.alias < other.alias ? -1 : 1));
}

/** Models with a name in common that take and make the same. */
function clusters(models: readonly NamedModel[]): NamedModel[][] {
  const found = new Map<string, NamedModel[]>();
  const clusterOf = new Map<NamedModel, NamedModel[]>();
  for (const named of models) {
    const mine = [named];
    clusterOf.set(named, mine);
    for (const key of keysOf(named)) {
      const other = found.get(key);
      const joined = other && clusterOf.get(other[0] ?? named);
      const own = clusterOf.get(named) ?? mine;
      if (joined !== undefined && joined !== own) {
        joined.push(...own);
        for (const one of own) clusterOf.set(one, joined);
      }
      found.set(key, clusterOf.get(named) ?? mine);
    }
  }
  return [...new Set(clusterOf.values())];
}

/** By its title and by its id, the words of each in any order. */
function keysOf({ model }: NamedModel): string[] {
  const takes = ioOf(model).join(' ');
  const [, ...path] = model.nativeId.split('/');
  const names = [model.title, path.length === 0 ? model.nativeId : path.join(' ')];
  return [
    ...new Set(
      names.flatMap((name) => {
        const words = wordsOf(name);
        // One short word, or none, says too little.
        return words.join('').length < 4 ? [] : [`${takes}|${words.join(' ')}`];
      }),
    ),
  ];
}

function ioOf(model: ProviderModel): string[] {
  return capabilitiesOf(model)
    .filter((capability) => capability.startsWith('io:') || capability.startsWith('op:'))
    .sort();
}

const emptyWords: ReadonlySet<string> = new Set([
  ...['ai', 'the', 'by', 'model', 'api', 'official', 'latest', 'v', 'version'],
  ...['text', 'to', 'image', 'video', 'audio', 'speech', 'generation', 'generate', 'fp8', 'fp16'],
]);

function wordsOf(name: string): string[] {
  const words = name.toLowerCase().match(/[a-z]+|\d+/g) ?? [];
  return [...new Set(words.filter((word) => !emptyWords.has(word)))].sort();
}

/** The one of each platform that it lists first. */
function onePerPlatform(models: readonly NamedModel[]): NamedModel[] {
  const best = new Map<string, NamedModel>();
  for (const named of models) {
    const known = best.get(named.provider);
    if (known === undefined || named.model.weight > known.model.weight) best.set(named.provider, named);
  }
  return [...best.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
}

function toSuggestion(models: readonly NamedModel[]): EqualSuggestion {
  const [first, ...others] = models;
  const fields: EqualSuggestion['fields'] = {};
  const open: EqualSuggestion['open'] = {};
  for (const { id, model } of others) {
    const names = mapFields(fieldsIn(first?.model), fieldsIn(model));
    if (Object.keys(names.mapped).length > 0) fields[id] = names.mapped;
    if (names.missing.length + names.needs.length > 0)
      open[id] = { missing: names.missing, needs: names.needs };
  }
  return {
    alias: wordsInOrder(first?.model.title ?? ''),
    capabilities: first === undefined ? [] : ioOf(first.model),
    models: models.map(({ id }) => id),
    fields,
    open,
  };
}

function wordsInOrder(title: string): string {
  const words = title.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return (
    words
      .filter((word) => !emptyWords.has(word))
      .join('-')
      .slice(0, 100) || 'unnamed'
  );
}

interface Fields {
  names: string[];
  required: ReadonlySet<string>;
}

function fieldsIn(model: ProviderModel | undefined): Fields {
  const schema = model?.inputSchema ?? {};
  const { required } = schema;
  return {
    names: schemasOf(schema, 'properties').map(([name]) => name),
    required: new Set(Array.isArray(required) ? required.map(String) : []),
  };
}

/** Names that platforms have for one thing. */
const sameThings: readonly (readonly string[])[] = [
  ['prompt', 'positiveprompt', 'text', 'textprompt', 'input', 'prompttext'],
  ['negativeprompt'],
  ['numimages', 'numoutputs', 'numberresults', 'n', 'batchsize', 'count', 'numsamples'],
  ['numinferencesteps', 'steps', 'numsteps', 'inferencesteps'],
  ['guidancescale', 'guidance', 'cfgscale', 'cfg'],
  ['image', 'imageurl', 'inputimage', 'inputimageurl', 'seedimage', 'firstframeimage', 'startimageurl'],
  ['mask', 'maskurl', 'maskimage', 'maskimageurl'],
  ['outputformat', 'format'],
  ['duration', 'durationseconds', 'seconds'],
];

function thingOf(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return sameThings.find((names) => names.includes(plain))?.[0] ?? plain;
}

function mapFields(
  callers: Fields,
  own: Fields,
): { mapped: Record<string, string>; missing: string[]; needs: string[] } {
  const mapped: Record<string, string> = {};
  const missing: string[] = [];
  const left = new Set(own.names.filter((name) => !callers.names.includes(name)));
  for (const name of callers.names) {
    if (own.names.includes(name)) continue;
    const match = [...left].find((other) => thingOf(other) === thingOf(name));
    if (match === undefined) missing.push(name);
    else {
      mapped[name] = match;
      left.delete(match);
    }
  }
  return { mapped, missing, needs: [...left].filter((name) => own.required.has(name)) };
}

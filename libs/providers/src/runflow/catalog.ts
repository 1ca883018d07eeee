import { createHash } from 'node:crypto';
import type { JsonObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import { toPrice } from '../prices/price-text.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import {
  capabilitiesOf,
  categoriesOf,
  type FieldSpec,
  type Form,
  isMedium,
  schemaOfFields,
} from '../schema/index.ts';
import { CatalogModel, CatalogPage, type InputField } from './wire.ts';

const maxPages = 20;

/** The public list, which needs no key and gets none; what the platform packaged itself comes first. */
export async function listCatalog(
  client: PlatformClient,
  { context, etag, lists }: { context: ProviderContext; etag: string | undefined; lists: ListReader },
): ReturnType<Provider['listModels']> {
  const found = new Map<string, ProviderModel>();
  let next: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const query = { limit: 200, pq: next };
    const { body } = await client.read(
      CatalogPage,
      { path: '/public/models', query, isKeyless: true, integers: 'number' },
      context,
    );
    for (const listed of lists.read(body.items, CatalogModel)) {
      const model = toModel(listed);
      if (/^[\x21-\x7e]{1,250}$/.test(model.nativeId)) found.set(model.nativeId, model);
      else lists.skip(model.nativeId, 'its name cannot be part of an address');
    }
    next = body.next_pq ?? undefined;
    if (next === undefined) break;
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

function toModel(listed: CatalogModel): ProviderModel {
  const {
    provider_slug: owner,
    model_slug: slug,
    model_name: name,
    description,
    category_code: category,
  } = listed;
  const nativeId = `${owner}/${slug}`;
  const isSolution = owner === 'runflow';
  const summary = cleanText(description ?? name ?? nativeId);
  const inputSchema = schemaOfFields((listed.inputs ?? []).map(toField));
  const capabilities = capabilitiesOf({
    text: [nativeId, name, category?.replaceAll('_', ' '), description].join(' '),
    inputSchema,
    output: outputOf(listed),
  });
  return {
    nativeId,
    title: cleanText(name ?? nativeId).slice(0, 120),
    summary,
    kind: isSolution ? 'solution' : 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: owner,
    tags: category ? [category] : [],
    isFeatured: isSolution,
    isLive: (listed.availability_status ?? 'available') !== 'unavailable',
    weight: isSolution ? 1 : 0,
    inputSchema,
    outputSchema: { type: 'object', properties: {} },
    price: toPrice(listed.price_label ?? listed.pricing_note ?? undefined),
    examples: [],
    readme: `${summary}\n\nThe page of the model: https://www.runflow.io/models/${nativeId}`,
  };
}

function outputOf({ outputs, category_code: category }: CatalogModel): Form | undefined {
  const told = outputs?.[0]?.variable_type_code?.toLowerCase().replace(/s$/, '');
  const word =
    told ??
    category
      ?.toLowerCase()
      .split(/_to_|-to-/)
      .at(-1);
  if (word === 'text' || word === 'string') return 'text';
  return isMedium(word) ? word : undefined;
}

const types: Readonly<Record<string, FieldSpec['type']>> = {
  string: 'string',
  text: 'string',
  url: 'string',
  enum: 'string',
  select: 'string',
  integer: 'integer',
  int: 'integer',
  number: 'number',
  float: 'number',
  boolean: 'boolean',
  bool: 'boolean',
  object: 'object',
  json: 'object',
};

/** One input of the list as a field: `image`, `images` and the like take files. */
function toField(field: InputField): FieldSpec {
  const code = (field.variable_type_code ?? 'string').toLowerCase();
  const single = code.replace(/(_list|\[\]|s)$/, '');
  const isList = single !== code && (isMedium(single) || types[single] !== undefined);
  const attrs = field.validator_attrs ?? {};
  const choices = attrs.choices ?? attrs.options ?? attrs.values;
  return {
    name: field.name,
    type: types[isList ? single : code] ?? 'string',
    title: field.label ?? undefined,
    description: field.description ?? undefined,
    isRequired: field.is_required === true,
    default: field.default_value ?? undefined,
    choices: Array.isArray(choices) ? choices : undefined,
    file: isMedium(single) ? single : undefined,
    isList,
    ...boundsOf(attrs),
  };
}

function boundsOf(attrs: JsonObject): Partial<FieldSpec> {
  const number = (...names: string[]) =>
    names.map((name) => attrs[name]).find((value): value is number => typeof value === 'number');
  return {
    minimum: number('min', 'minimum', 'ge'),
    maximum: number('max', 'maximum', 'le'),
    step: number('step', 'multiple_of'),
    maxLength: number('max_length'),
    maxItems: number('max_items'),
  };
}

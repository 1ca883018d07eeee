/** Runware's curated models, and one of them with its schema and its examples. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '@inferry/contracts';
import { AppError, isObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import { amount, type ListReader, type PlatformClient } from '../http/index.ts';
import { rateOf, toRatedPrice } from '../prices/price-text.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, normaliseSchema } from '../schema/index.ts';
import type { Schemas } from './schemas.ts';
import { CatalogModel, CatalogPage, Example, Examples } from './wire.ts';

const pageSize = 100;
const maxPages = 50;
const maxPrices = 60;
/** Ours to fill in, and hidden from whoever writes an input (RWD-02). */
export const internalFields = [
  'taskType',
  'taskUUID',
  'model',
  'webhookURL',
  'deliveryMethod',
  'includeCost',
  'uploadEndpoint',
  'outputType',
  'ttl',
];
const base = 'content';
/** Not for everybody's eyes, and another surface of models that are in the list already. */
const hidden: ReadonlySet<string> = new Set(['openai-compatible', 'draft', 'unlisted']);

/** The curated models, without their schemas: those are read when somebody asks for the model (RW-21, RW-22). */
export async function listCatalog(
  client: PlatformClient,
  { context, etag, lists }: { context: ProviderContext; etag: string | undefined; lists: ListReader },
): ReturnType<Provider['listModels']> {
  const found = new Map<string, ProviderModel>();
  for (let page = 0; page < maxPages; page++) {
    const query = { paginate: true, limit: pageSize, offset: page * pageSize };
    const { body } = await client.read(
      CatalogPage,
      { base, path: '/models', query, isKeyless: true },
      context,
    );
    for (const listed of lists.read(body.items, CatalogModel)) {
      if (hidden.has(listed.status ?? '')) continue;
      if (isPlainId(listed.air)) found.set(listed.air, { ...toModel(listed), schemaState: 'summary' });
      else lists.skip(listed.air, 'its name cannot be part of an address');
    }
    if (body.items.length === 0 || (page + 1) * pageSize >= (body.total ?? 0)) break;
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

/** One model with its schema and its curated examples (RW-25, RW-26, RW-29). */
export async function readModel(
  client: PlatformClient,
  { air, schemas, context }: { air: string; schemas: Schemas; context: ProviderContext },
): Promise<ProviderModel> {
  const path = `/models/${encodeURIComponent(air)}`;
  const { body: listed } = await client.read(CatalogModel, { base, path, isKeyless: true }, context);
  const { requestSchema, responseSchema } = await schemas.of(air, context);
  const model = toModel(listed, normaliseSchema(requestSchema ?? {}, { hidden: internalFields }));
  const outputSchema = normaliseSchema(responseSchema ?? {}, { hidden: ['taskType', 'taskUUID'] });
  const native = requestSchema === null ? {} : { nativeSchema: requestSchema };
  return { ...model, ...native, outputSchema, examples: await readExamples(client, air, context) };
}

/** Examples are a help and no condition: a model without them can be run. */
async function readExamples(
  client: PlatformClient,
  air: string,
  context: ProviderContext,
): Promise<ProviderModel['examples']> {
  try {
    const path = `/models/${encodeURIComponent(air)}/examples`;
    const { body } = await client.read(Examples, { base, path, isKeyless: true }, context);
    const read = body.map((listed) => Example.safeParse(listed).data);
    const examples = read.filter((example) => example !== undefined);
    return examples.slice(0, 8).map(({ title, capability, request, response, cost }, index) => ({
      title: cleanText(title ?? `Example ${index + 1}`).slice(0, 120),
      input: without(request ?? {}, internalFields),
      output: without(response ?? {}, ['taskType', 'taskUUID']),
      cost: cost ?? amount.safeParse(response?.cost).data ?? 0,
      ...(typeof capability === 'string' && { capability }),
    }));
  } catch (error) {
    if (error instanceof AppError) return [];
    throw error;
  }
}

function toModel(listed: CatalogModel, inputSchema?: JsonObject): ProviderModel {
  const { air, name, headline, description, creator, model: slug } = listed;
  const [category] = [listed.category ?? []].flat();
  const summary = cleanText(headline ?? description ?? name ?? air);
  const known = (listed.capabilities ?? []).filter((id) => /^(io|op|form):[a-z0-9-]+$/.test(id));
  const capabilities = capabilitiesOf({
    text: known.length > 0 ? '' : [name, headline, description, category].join(' '),
    known,
    inputSchema,
  });
  const categories = categoriesOf(capabilities);
  const price = priceOf(listed);
  return {
    nativeId: air,
    title: cleanText(name ?? air).slice(0, 120),
    summary,
    kind: 'model',
    categories: categories[0] === 'other' && category ? [category.toLowerCase()] : categories,
    capabilities,
    creator: (typeof creator === 'string' ? creator : creator?.name) ?? air.split(':')[0] ?? 'runware',
    tags: [],
    isFeatured: false,
    // Also told: coming-soon and deprecated, which the platform itself does not offer.
    isLive: (listed.status ?? 'live') === 'live',
    weight: listed.weight ?? 0,
    inputSchema: inputSchema ?? { type: 'object', properties: {} },
    outputSchema: { type: 'object', properties: {} },
    price,
    examples: [],
    readme: [summary, description, toPriceTable(listed)].filter(Boolean).join('\n\n'),
    ...(listed.coverImage && { coverUrl: listed.coverImage }),
    ...(slug && { aliases: [slug] }),
  };
}

/** The overview in words, and the prices of its configurations; a rate where it tells one alone (RW-27). */
function priceOf({ pricingOverview, pricingExamples, pricingRates }: CatalogModel): ProviderModel['price'] {
  const table = (pricingExamples ?? []).slice(0, maxPrices).flatMap(({ configuration, price }) => {
    const name = cleanText(configuration ?? 'as it is', { maxLength: 100 });
    return price === null || price === undefined || price < 0 ? [] : [{ configuration: name, amount: price }];
  });
  const prices = table.map((row) => row.amount);
  const [lowest, highest] = [Math.min(...prices), Math.max(...prices)];
  const range = lowest === highest ? `$${lowest}` : `$${lowest} to $${highest}`;
  const text = cleanText(pricingOverview ?? '').slice(0, 120);
  if (prices.length > 0) {
    const words = text === '' ? `${range} by its examples` : text;
    return { text: words, currency: 'USD', basis: 'per_request', amount: lowest, table };
  }
  const [only, ...others] = pricingRates ?? [];
  // A rate that holds from some amount on is one of several.
  const isPlain = only !== undefined && others.length === 0 && (only.after ?? undefined) === undefined;
  const rate = isPlain ? rateOf(only.amount, only.unit) : undefined;
  if (rate === undefined) return { text: text === '' ? 'not told' : text, currency: 'USD', basis: 'unknown' };
  const told = toRatedPrice(rate, 'USD');
  return text === '' ? told : { ...told, text };
}

function toPriceTable({ pricingExamples }: CatalogModel): string {
  const rows = (pricingExamples ?? []).slice(0, 12).flatMap(({ configuration, price }) => {
    return typeof price === 'number'
      ? [`- ${cleanText(configuration ?? 'as it is').slice(0, 100)}: $${price}`]
      : [];
  });
  return rows.length === 0 ? '' : `Prices of examples:\n${rows.join('\n')}`;
}

function without(value: Readonly<Record<string, unknown>>, names: readonly string[]): JsonObject {
  const rest = Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
  return isObject(rest) ? rest : {};
}

function isPlainId(id: string): boolean {
  return /^[\x21-\x7e]{1,250}$/.test(id);
}

import { createHash } from 'node:crypto';
import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import { plainAmount, rateOf, toPrice, toRatedPrice } from '../prices/price-text.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import {
  capabilitiesOf,
  categoriesOf,
  type Form,
  normaliseSchema,
  requestBodySchema,
} from '../schema/index.ts';
import { CatalogModel, CatalogPage, Price, Prices } from './wire.ts';

const pageSize = 100;
const maxPages = 40;

/** Every model that is active, without its schema: that is read when somebody asks for the model. */
export async function listCatalog(
  client: PlatformClient,
  { context, etag, lists }: { context: ProviderContext; etag: string | undefined; lists: ListReader },
): ReturnType<Provider['listModels']> {
  const found = new Map<string, ProviderModel>();
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const query = { status: 'active', limit: pageSize, cursor };
    const { body } = await client.read(CatalogPage, { base: 'platform', path: '/models', query }, context);
    for (const model of lists.read(body.models, CatalogModel)) {
      if (isPlainId(model.endpoint_id))
        found.set(model.endpoint_id, { ...toModel(model), schemaState: 'summary' });
      else lists.skip(model.endpoint_id, 'its name cannot be part of an address');
    }
    cursor = body.next_cursor ?? undefined;
    if (cursor === undefined || body.has_more === false) break;
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

/** One model with its schema and its price. */
export async function readModel(
  client: PlatformClient,
  nativeId: string,
  context: ProviderContext,
): Promise<ProviderModel> {
  const query = { endpoint_id: nativeId, expand: 'openapi-3.0' };
  const call = { base: 'platform', path: '/models', query, integers: 'number' } as const;
  const { body } = await client.read(CatalogPage, call, context);
  const listed = body.models.map((entry) => CatalogModel.safeParse(entry).data);
  const model = listed.find((entry) => entry?.endpoint_id === nativeId);
  if (model === undefined) throw new AppError('model_not_found', 'fal does not list this model.');
  return { ...toModel(model), price: await readPrice(client, nativeId, context) };
}

/** The price is told to whoever has a key; a model without one can be run all the same. */
async function readPrice(
  client: PlatformClient,
  nativeId: string,
  context: ProviderContext,
): Promise<ProviderModel['price']> {
  try {
    const call = { base: 'platform', path: '/models/pricing', query: { endpoint_id: nativeId } };
    const { body } = await client.read(Prices, call, context);
    const prices = body.prices.map((listed) => Price.safeParse(listed).data);
    const price = prices.find((listed) => listed?.endpoint_id === nativeId);
    return price === undefined ? toPrice(undefined) : toFalPrice(price);
  } catch (error) {
    if (error instanceof AppError) return toPrice(undefined);
    throw error;
  }
}

/** A number and a unit. Megapixels are billed as whole ones. */
function toFalPrice({ unit_price: amount, unit, currency: told }: Price): ProviderModel['price'] {
  const currency = (told ?? 'USD').toUpperCase();
  const rate = rateOf(amount, unit);
  if (rate !== undefined) {
    return toRatedPrice({ ...rate, ...(rate.unit === 'megapixel' && { isWhole: true }) }, currency);
  }
  const words = `${plainAmount(amount)} ${currency} per ${cleanText(unit, { maxLength: 60 }).replace(/s$/, '')}`;
  return { text: words, currency, basis: 'unknown' };
}

function toModel({ endpoint_id: nativeId, metadata, openapi }: CatalogModel): ProviderModel {
  const { display_name: name, description, category, tags } = metadata ?? {};
  const summary = cleanText(description ?? name ?? nativeId);
  const inputSchema = requestBodySchema(openapi) ?? { type: 'object', properties: {} };
  const form = formOf(category ?? '');
  const capabilities = capabilitiesOf({
    text: [nativeId, name, category, description, ...(tags ?? [])].join(' '),
    inputSchema,
    output: form,
  });
  return {
    nativeId,
    title: cleanText(name ?? nativeId).slice(0, 120),
    summary,
    kind: /^workflows?\//.test(nativeId) ? 'solution' : 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: nativeId.split('/')[0] ?? 'fal',
    tags: (tags ?? []).slice(0, 20).map((tag) => cleanText(tag).slice(0, 60)),
    isFeatured: false,
    isLive: true,
    weight: 0,
    inputSchema,
    outputSchema: answerSchema(openapi),
    price: toPrice(undefined),
    examples: [],
    readme: `${summary}\n\nThe page of the model: https://fal.ai/models/${nativeId}`,
    ...(metadata?.thumbnail_url && { coverUrl: metadata.thumbnail_url }),
  };
}

/** The last word of `image-to-video` is what it gives. */
function formOf(category: string): Form | undefined {
  const word = category.toLowerCase().split('-to-').at(-1) ?? '';
  if (/^(image|video|audio|text|3d)$/.test(word)) {
    // as: the expression lists forms.
    return word as Form;
  }
  if (/^(speech|music)$/.test(word)) return 'audio';
  return /llm|json|vision/.test(word) ? 'text' : undefined;
}

/** What the result call of the queue answers, by its OpenAPI document. */
function answerSchema(openapi: unknown): JsonObject {
  if (!isObject(openapi) || !isObject(openapi.paths)) return { type: 'object', properties: {} };
  const results = Object.entries(openapi.paths).filter(([path]) => /\/requests\/\{[^}]+\}$/.test(path));
  const operation = results.map(([, item]) => (isObject(item) ? item.get : undefined)).find(isObject);
  const responses = isObject(operation?.responses) ? operation.responses : {};
  const content = isObject(responses['200']) ? responses['200'].content : undefined;
  const media = isObject(content) ? Object.values(content).find(isObject) : undefined;
  return media === undefined
    ? { type: 'object', properties: {} }
    : normaliseSchema(media.schema, { root: openapi });
}

function isPlainId(id: string): boolean {
  return /^[\x21-\x7e]{1,250}$/.test(id);
}

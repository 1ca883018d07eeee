import { createHash } from 'node:crypto';
import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import { z } from 'zod';
import { cleanText } from '../errors/index.ts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import { rateOf, toRatedPrice } from '../prices/price-text.ts';
import type { PriceRate, Provider, ProviderContext, ProviderModel } from '../provider.ts';
import {
  capabilitiesOf,
  categoriesOf,
  componentSchema,
  type Form,
  nativeComponent,
} from '../schema/index.ts';
import { CatalogModel, CatalogPage, ExampleRequest, Price, Prices } from './wire.ts';

const pageSize = 100;
const maxPages = 100;
const maxExamples = 3;
/** Ours to fill in: they stand beside the input in one object. */
const reserved = ['metadata', 'webhook', 'webhook_events_filter', 'public'];
const base = 'platform';

/** Every public model, without its schema: that is read when somebody asks for the model. */
export async function listCatalog(
  client: PlatformClient,
  { context, etag, lists }: { context: ProviderContext; etag: string | undefined; lists: ListReader },
): ReturnType<Provider['listModels']> {
  const found = new Map<string, ProviderModel>();
  const ranks = await readFeatured(client, context);
  for (let page = 1; page <= maxPages; page++) {
    const call = { base, path: '/models', query: { page, limit: pageSize }, isKeyless: true };
    const { body } = await client.read(CatalogPage, call, context);
    for (const listed of lists.read(body.data, CatalogModel)) {
      const model = toModel(listed);
      if (!isPlainId(model.nativeId)) lists.skip(model.nativeId, 'its name cannot be part of an address');
      else if (isRunnable(model))
        found.set(model.nativeId, { ...ranked(model, ranks), schemaState: 'summary' });
    }
    if (page >= (body.totalPages ?? 1) || body.data.length === 0) break;
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

/** The curated set in its order; where it cannot be read, the list tells which models are in it (MR-12). */
async function readFeatured(client: PlatformClient, context: ProviderContext): Promise<Map<string, number>> {
  try {
    const call = { base, path: '/models/featured', isKeyless: true };
    const { body } = await client.read(z.array(z.unknown()), call, context);
    const known = body.flatMap((listed) => CatalogModel.safeParse(listed).data ?? []);
    return new Map(known.map(({ ownerName, alias }, at) => [`${ownerName}/${alias}`, known.length - at]));
  } catch (error) {
    if (error instanceof AppError) return new Map();
    throw error;
  }
}

/** Higher first among equals: the featured ones, best first. */
function ranked(model: ProviderModel, ranks: ReadonlyMap<string, number>): ProviderModel {
  const weight = ranks.get(model.nativeId);
  return weight === undefined ? model : { ...model, isFeatured: true, weight };
}

/** One model with its schema and its price (MR-14, MR-16). */
export async function readModel(
  client: PlatformClient,
  nativeId: string,
  { context, lists }: { context: ProviderContext; lists: ListReader },
): Promise<ProviderModel> {
  const [owner = '', ...alias] = nativeId.split('/');
  const query = { owner, search: alias.join('/'), limit: pageSize };
  const listed = await client.read(CatalogPage, { base, path: '/models', query, isKeyless: true }, context);
  const known = lists
    .read(listed.body.data, CatalogModel)
    .find((model) => `${model.ownerName}/${model.alias}` === nativeId);
  const call = {
    base,
    path: `/models/${nativeId}/openapi.json`,
    isKeyless: true,
    integers: 'number',
  } as const;
  const { body: openapi } = await client.read(z.unknown(), call, context);
  const model = toModel(known ?? { ownerName: owner, alias: alias.join('/') }, openapi);
  const price = await readPrice(client, nativeId, context);
  const examples = await readExamples(client, known?.examples ?? [], context);
  return { ...model, price: price ?? model.price, examples };
}

/** Its examples are requests that somebody has made public; one that cannot be read is none. */
async function readExamples(
  client: PlatformClient,
  ids: readonly string[],
  context: ProviderContext,
): Promise<ProviderModel['examples']> {
  const read = ids.slice(0, maxExamples).map(async (id, index) => {
    try {
      const call = { path: `/requests/${encodeURIComponent(id)}` };
      const { input, output, totalPrice } = (await client.read(ExampleRequest, call, context)).body;
      return [
        {
          title: `Example ${index + 1}`,
          input: withoutReserved(input),
          output: asObject(output),
          cost: totalPrice ?? 0,
        },
      ];
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  });
  return (await Promise.all(read)).flat();
}

function withoutReserved(input: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(input).filter(([name]) => !reserved.includes(name)));
}

function asObject(output: unknown): JsonObject {
  if (isObject(output)) return output;
  return output === undefined || output === null ? {} : { output };
}

async function readPrice(
  client: PlatformClient,
  endpoint: string,
  context: ProviderContext,
): Promise<ProviderModel['price'] | undefined> {
  try {
    const call = { base, path: '/models/pricing', query: { endpoint }, isKeyless: true };
    const { body } = await client.read(Prices, call, context);
    const prices = body.prices.map((listed) => Price.safeParse(listed).data);
    const price = prices.find((listed) => listed?.endpoint === endpoint);
    if (price === undefined) return undefined;
    const { rateCard, averageCost, currency } = price;
    const words = priceOf({ averageCost, pricingMode: rateCard?.pricingMode, currency });
    // Rules change what the card says in ways that are not told.
    const rate = price.pricingRules ? undefined : rateOfCard(rateCard ?? {});
    return rate === undefined ? words : { ...toRatedPrice(rate, words.currency), text: words.text };
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Cards of plain rates; tiers and tokens are told in words alone. */
function rateOfCard(card: JsonObject): PriceRate | undefined {
  const rates = [
    ['per_output', 'pricePerOutput', 'image'],
    ['per_output_second', 'pricePerOutputSecond', 'second'],
    ['per_megapixel', 'pricePerMegapixel', 'megapixel'],
  ] as const;
  const found = rates.find(([mode]) => card.pricingMode === mode);
  const amount = found === undefined ? undefined : card[found[1]];
  const isAmount = typeof amount === 'number' || (typeof amount === 'string' && amount.trim() !== '');
  return found !== undefined && isAmount ? rateOf(Number(amount), found[2]) : undefined;
}

/** What a run costs on average, and by what: the list tells it of every model. */
function priceOf({
  averageCost: average,
  pricingMode,
  currency: told,
}: Pick<CatalogModel, 'averageCost' | 'pricingMode'> & {
  currency?: string | null | undefined;
}): ProviderModel['price'] {
  const currency = (told ?? 'USD').toUpperCase();
  const mode = cleanText(pricingMode?.replaceAll('_', ' ') ?? '', { maxLength: 60 });
  const cost = `${currency === 'USD' ? '$' : `${currency} `}${average} a run on average`;
  const parts = [typeof average === 'number' ? cost : '', mode].filter((part) => part !== '');
  return { text: parts.length === 0 ? 'not told' : parts.join(', '), currency, basis: 'unknown' };
}

function toModel(listed: CatalogModel, openapi?: unknown): ProviderModel {
  const { ownerName: owner, alias, name, description, category, capabilities: told } = listed;
  const nativeId = `${owner}/${alias}`;
  const summary = cleanText(listed.shortDescription || description || name || nativeId);
  const inputSchema = componentSchema(openapi, 'Input', { hidden: reserved }) ?? {
    type: 'object',
    properties: {},
  };
  const capabilities = capabilitiesOf({
    text: [nativeId, name, category, description, ...(told ?? []), ...(listed.tags ?? [])].join(' '),
    inputSchema,
    output: formOf(listed.outputModalities?.[0] ?? category ?? ''),
    ...(listed.inputModalities && { inputs: listed.inputModalities.flatMap((it) => formOf(it) ?? []) }),
  });
  const native = nativeComponent(openapi, 'Input');
  return {
    nativeId,
    title: cleanText(name ?? titleOf(openapi) ?? nativeId).slice(0, 120),
    summary,
    kind: 'model',
    // The platform's own word as well: by it its list is filtered (MR-11).
    categories: [...new Set([...categoriesOf(capabilities), cleanText(category ?? '').slice(0, 60)])].filter(
      (word) => word !== '',
    ),
    capabilities,
    creator: owner,
    tags: (listed.tags ?? []).slice(0, 20).map((tag) => cleanText(tag).slice(0, 60)),
    isFeatured: listed.featured === true,
    isLive: true,
    weight: listed.featured === true ? 1 : 0,
    inputSchema,
    outputSchema: componentSchema(openapi, 'Output') ?? { type: 'object', properties: {} },
    price: priceOf(listed),
    examples: [],
    readme: readmeOf(listed, summary),
    ...(native !== undefined && { nativeSchema: native }),
    ...(listed.thumbnailUrl && { coverUrl: listed.thumbnailUrl }),
    // What the platform's own wrappers call it by.
    ...(listed.id && { aliases: [listed.id] }),
  };
}

function readmeOf({ description, useCases: told }: CatalogModel, summary: string): string {
  const useCases = (told ?? []).slice(0, 12).map((it) => `- ${cleanText(it)}`);
  const parts = [
    summary,
    description && cleanText(description, { maxLength: 4_000 }),
    useCases.length > 0 && `Used for:\n${useCases.join('\n')}`,
  ];
  return parts
    .filter((part, index) => typeof part === 'string' && part !== '' && parts.indexOf(part) === index)
    .join('\n\n');
}

/** Language models are refused by the queue: they have a surface of their own, which is OpenAI's. */
function isRunnable({ capabilities }: ProviderModel): boolean {
  return !capabilities.includes('io:text-to-text');
}

function isPlainId(nativeId: string): boolean {
  return /^[\x21-\x7e]{1,250}$/.test(nativeId);
}

function formOf(word: string): Form | undefined {
  const plain = word.toLowerCase();
  // as: the expression lists forms.
  return /^(image|video|audio|text|3d)$/.test(plain) ? (plain as Form) : undefined;
}

function titleOf(openapi: unknown): string | undefined {
  const info = isObject(openapi) && isObject(openapi.info) ? openapi.info : {};
  return typeof info.title === 'string' && info.title !== '' ? info.title : undefined;
}

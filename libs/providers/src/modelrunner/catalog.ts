import { createHash } from 'node:crypto';
import { AppError, isObject } from '@inferry/contracts';
import { z } from 'zod';
import { cleanText } from '../errors/index.ts';
import type { PlatformClient } from '../http/index.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, componentSchema, type Form } from '../schema/index.ts';
import { type CatalogModel, CatalogPage, Prices } from './wire.ts';

const pageSize = 100;
const maxPages = 100;
/** Ours to fill in: they stand beside the input in one object. */
const reserved = ['metadata', 'webhook', 'webhook_events_filter', 'public'];
const base = 'platform';

/** Every public model, without its schema: that is read when somebody asks for the model. */
export async function listCatalog(
  client: PlatformClient,
  context: ProviderContext,
  etag: string | undefined,
): ReturnType<Provider['listModels']> {
  const found = new Map<string, ProviderModel>();
  for (let page = 1; page <= maxPages; page++) {
    const call = { base, path: '/models', query: { page, limit: pageSize }, isKeyless: true };
    const { body } = await client.read(CatalogPage, call, context);
    for (const listed of body.data) {
      const model = toModel(listed);
      if (isRunnable(model)) found.set(model.nativeId, { ...model, schemaState: 'summary' });
    }
    if (page >= body.totalPages) break;
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

/** One model with its schema and its price (MR-14, MR-16). */
export async function readModel(
  client: PlatformClient,
  nativeId: string,
  context: ProviderContext,
): Promise<ProviderModel> {
  const [owner = '', ...alias] = nativeId.split('/');
  const query = { owner, search: alias.join('/'), limit: pageSize };
  const listed = await client.read(CatalogPage, { base, path: '/models', query, isKeyless: true }, context);
  const known = listed.body.data.find((model) => `${model.owner}/${model.alias}` === nativeId);
  const call = { base, path: `/models/${nativeId}/openapi.json`, isKeyless: true };
  const { body: openapi } = await client.read(z.unknown(), call, context);
  return {
    ...toModel(known ?? { owner, alias: alias.join('/') }, openapi),
    price: await readPrice(client, nativeId, context),
  };
}

async function readPrice(
  client: PlatformClient,
  endpoint: string,
  context: ProviderContext,
): Promise<ProviderModel['price']> {
  const unknown = { text: 'not told', currency: 'USD', basis: 'unknown' } as const;
  try {
    const call = { base, path: '/models/pricing', query: { endpoint }, isKeyless: true };
    const { body } = await client.read(Prices, call, context);
    const price = body.prices.find((listed) => listed.endpoint === endpoint);
    const average = Number(price?.averageCost);
    if (price === undefined || price.averageCost === null || !Number.isFinite(average)) return unknown;
    const currency = (price.currency ?? 'USD').toUpperCase();
    const mode = price.rateCard?.pricingMode?.replaceAll('_', ' ');
    const text = `${currency === 'USD' ? '$' : `${currency} `}${average} a run on average`;
    return { text: mode === undefined ? text : `${text}, ${mode.slice(0, 60)}`, currency, basis: 'unknown' };
  } catch (error) {
    if (error instanceof AppError) return unknown;
    throw error;
  }
}

function toModel(listed: CatalogModel, openapi?: unknown): ProviderModel {
  const { owner, alias, name, description, category, capabilities: told } = listed;
  const nativeId = `${owner}/${alias}`;
  const summary = cleanText(description ?? name ?? nativeId);
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
  return {
    nativeId,
    title: cleanText(name ?? titleOf(openapi) ?? nativeId).slice(0, 120),
    summary,
    kind: 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: owner,
    tags: (listed.tags ?? []).slice(0, 20).map((tag) => cleanText(tag).slice(0, 60)),
    isFeatured: listed.featured === true,
    isLive: true,
    weight: listed.featured === true ? 1 : 0,
    inputSchema,
    outputSchema: componentSchema(openapi, 'Output') ?? { type: 'object', properties: {} },
    price: { text: 'not told', currency: 'USD', basis: 'unknown' },
    examples: [],
    readme: summary,
  };
}

/** Language models are refused by the queue: they have a surface of their own, which is OpenAI's. */
function isRunnable({ nativeId, capabilities }: ProviderModel): boolean {
  return /^[\x21-\x7e]{1,250}$/.test(nativeId) && !capabilities.includes('io:text-to-text');
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

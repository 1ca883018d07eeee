import { z } from 'zod';
import type { EmulatedCall, EmulatedRoute, Emulator } from '../kit/index.ts';
import { findModelRunnerModel, modelrunnerModels, openApiOf, toListed } from './models.ts';

export const modelrunnerWebhookSecret: string = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

const base = 'platform';

/** The list of models, the storage of the account and its balance. */
export function platformRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    ...catalogRoutes(),
    ...storageRoutes(emulator),
    {
      method: 'GET',
      path: '/billing/balance',
      base,
      kind: 'balance',
      handle: () => ({ balance: '12.50000000', currency: 'USD' }),
    },
    {
      method: 'GET',
      path: '/webhooks/default/secret',
      base,
      kind: 'other',
      handle: () => ({ key: modelrunnerWebhookSecret }),
    },
  ];
}

function catalogRoutes(): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      path: '/models',
      base,
      kind: 'catalog',
      isOpen: true,
      query: [
        'search',
        'owner',
        'category',
        'inputModality',
        'outputModality',
        'capability',
        'featured',
        'sort',
        'page',
        'limit',
      ],
      handle({ query }) {
        const { page = '1', limit = '10' } = query;
        const wanted = listed().filter((model) => passes(model, query));
        const from = (Number(page) - 1) * Number(limit);
        const data = wanted.slice(from, from + Number(limit));
        const totalPages = Math.max(1, Math.ceil(wanted.length / Number(limit)));
        return { page: Number(page), limit: Number(limit), total: wanted.length, totalPages, data };
      },
    },
    {
      method: 'GET',
      path: '/models/featured',
      base,
      kind: 'catalog',
      isOpen: true,
      // Best first: the order in which they are curated, which the paginated list does not have.
      handle: () =>
        listed()
          .filter(({ featured }) => featured === true)
          .reverse(),
    },
    {
      method: 'GET',
      path: '/models/pricing',
      base,
      kind: 'describe',
      isOpen: true,
      query: ['endpoint'],
      handle({ query }) {
        const endpoints = [query.endpoint].flat().map(String);
        const known = endpoints.filter((endpoint) => findModelRunnerModel(endpoint) !== undefined);
        const prices = known.map((endpoint) => {
          const { rateCard, averageCost } = findModelRunnerModel(endpoint) ?? {};
          return { endpoint, rateCard, pricingRules: null, averageCost, currency: 'USD' };
        });
        return { version: 1, prices, notFound: endpoints.filter((endpoint) => !known.includes(endpoint)) };
      },
    },
    ...modelrunnerModels.map(
      (model): EmulatedRoute => ({
        method: 'GET',
        path: `/models/${model.ownerName}/${model.alias}/openapi.json`,
        base,
        kind: 'describe',
        isOpen: true,
        handle: () => openApiOf(model),
      }),
    ),
  ];
}

/** `Model`s, by name: pages of a list come in one order. */
function listed(): Record<string, unknown>[] {
  return modelrunnerModels.map(toListed);
}

/** The filters that the platform's list takes; words are looked for in the fields that its specification names. */
function passes(model: Record<string, unknown>, query: EmulatedCall['query']): boolean {
  const has = (field: string, value: unknown) =>
    value === undefined || [model[field]].flat().includes(String(value));
  const { owner, category, inputModality, outputModality, capability, featured, search = '' } = query;
  const words = ['name', 'alias', 'description', 'ownerName', 'category', 'tags']
    .map((field) => String(model[field] ?? ''))
    .join(' ')
    .toLowerCase();
  return (
    has('ownerName', owner) &&
    has('category', category) &&
    has('inputModalities', inputModality) &&
    has('outputModalities', outputModality) &&
    [capability ?? []].flat().every((each) => has('capabilities', each)) &&
    (featured === undefined || String(model.featured) === featured) &&
    words.includes(String(search).toLowerCase())
  );
}

function storageRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/storage/upload/initiate',
      base,
      kind: 'upload',
      body: z.strictObject({
        file_name: z.string(),
        content_type: z.string(),
        size: z.int().optional(),
        relay: z.boolean().optional(),
      }),
      handle() {
        const path = `/storage/files/${emulator.id('up-')}`;
        return { upload_url: emulator.url(`${path}?sig=1`, base), file_url: emulator.url(path, base) };
      },
    },
    {
      method: 'PUT',
      path: '/storage/files/:name',
      base,
      kind: 'upload',
      isOpen: true,
      query: ['sig'],
      body: 'bytes',
      handle({ params, rawBody, headers }) {
        const contentType = headers['content-type'] ?? 'application/octet-stream';
        emulator.files.set(params.name ?? '', { bytes: rawBody, contentType });
        return {};
      },
    },
  ];
}

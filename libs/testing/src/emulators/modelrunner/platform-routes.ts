import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { modelrunnerModels, openApiOf, toListed } from './models.ts';

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
      handle({ query: { owner, search, page = '1', limit = '10' } }) {
        const wanted = modelrunnerModels.filter(
          (model) =>
            (owner === undefined || model.ownerName === owner) &&
            (search === undefined || `${model.alias} ${model.name}`.includes(String(search))),
        );
        const from = (Number(page) - 1) * Number(limit);
        const data = wanted.slice(from, from + Number(limit)).map(toListed);
        const totalPages = Math.max(1, Math.ceil(wanted.length / Number(limit)));
        return { page: Number(page), limit: Number(limit), total: wanted.length, totalPages, data };
      },
    },
    {
      method: 'GET',
      path: '/models/pricing',
      base,
      kind: 'describe',
      isOpen: true,
      query: ['endpoint'],
      handle({ query }) {
        const endpoints = [query.endpoint].flat();
        const rateCard = { pricingMode: 'per_output', pricePerOutput: '0.0042' };
        const prices = endpoints.map((endpoint) => ({
          endpoint,
          rateCard,
          pricingRules: null,
          averageCost: '0.0042',
          currency: 'USD',
        }));
        return { version: 1, prices, notFound: [] };
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

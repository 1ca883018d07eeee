import { generateKeyPairSync } from 'node:crypto';
import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { falModels, openApiOf } from './models.ts';

/** What the emulator signs webhooks with. */
export const falSigningKeys = generateKeyPairSync('ed25519');

/** The list of models and their prices, the storage, and the key set of webhooks. */
export function platformRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      path: '/models',
      base: 'platform',
      kind: 'catalog',
      isOpen: true,
      query: ['q', 'category', 'status', 'limit', 'cursor', 'endpoint_id', 'expand'],
      handle: ({ query }) => listModels(query),
    },
    {
      method: 'GET',
      path: '/models/pricing',
      base: 'platform',
      kind: 'describe',
      query: ['endpoint_id'],
      handle({ query }) {
        const wanted = [query.endpoint_id].flat();
        const known = falModels.filter(({ path }) => wanted.includes(path));
        return {
          prices: known.map(({ path, price }) => ({ endpoint_id: path, ...price, currency: 'USD' })),
          has_more: false,
          next_cursor: null,
        };
      },
    },
    {
      method: 'GET',
      path: '/models/usage',
      base: 'platform',
      kind: 'probe',
      query: ['limit'],
      handle: () => ({ time_series: [], has_more: false, next_cursor: null }),
    },
    {
      method: 'DELETE',
      path: '/models/requests/:id/payloads',
      base: 'platform',
      kind: 'other',
      handle({ params }) {
        const { id } = emulator.peekJob(params.id ?? '');
        emulator.jobs.delete(id);
        return { cdn_delete_results: [] };
      },
    },
    {
      method: 'POST',
      path: '/storage/upload/initiate',
      base: 'rest',
      kind: 'upload',
      query: ['storage_type'],
      headers: ['x-fal-object-lifecycle-preference'],
      body: z.strictObject({ content_type: z.string(), file_name: z.string() }),
      handle() {
        const name = emulator.id('up-');
        const path = `/storage/files/${name}`;
        return {
          upload_url: emulator.url(`${path}?signature=1`, 'rest'),
          file_url: emulator.url(path, 'rest'),
        };
      },
    },
    {
      method: 'PUT',
      path: '/storage/files/:name',
      base: 'rest',
      kind: 'upload',
      isOpen: true,
      query: ['signature'],
      body: 'bytes',
      handle({ params, rawBody, headers }) {
        const contentType = headers['content-type'] ?? 'application/octet-stream';
        emulator.files.set(params.name ?? '', { bytes: rawBody, contentType });
        return {};
      },
    },
    {
      method: 'GET',
      path: '/.well-known/jwks.json',
      base: 'rest',
      kind: 'other',
      isOpen: true,
      handle: () => ({ keys: [falSigningKeys.publicKey.export({ format: 'jwk' })] }),
    },
  ];
}

function listModels(query: Readonly<Record<string, string | string[] | undefined>>): unknown {
  const { endpoint_id: id, expand, limit = '50', cursor = '0' } = query;
  const wanted = falModels.filter(({ path }) => id === undefined || [id].flat().includes(path));
  const from = Number(cursor);
  const page = wanted.slice(from, from + Number(limit));
  const next = from + page.length;
  return {
    models: page.map((model) => ({
      endpoint_id: model.path,
      metadata: {
        display_name: model.title,
        description: `${model.title} by an emulator.`,
        category: model.category,
        status: 'active',
        tags: [model.makes],
        thumbnail_url: 'https://example.com/a.png',
      },
      ...([expand].flat().includes('openapi-3.0') && { openapi: openApiOf(model) }),
    })),
    next_cursor: next < wanted.length ? String(next) : null,
    has_more: next < wanted.length,
  };
}

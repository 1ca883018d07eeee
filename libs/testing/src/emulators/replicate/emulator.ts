import { hash } from 'node:crypto';
import type { Answer, EmulatedRoute, Emulator, EmulatorDefinition } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { findReplicateModel, replicateModels, toWire } from './models.ts';
import { predictionRoutes } from './prediction-routes.ts';

export const replicateWebhookSecret: string = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

function says(status: number, title: string, detail: string): Answer {
  return { status, body: { title, detail, status } };
}

/** Replicate's HTTP API, after its client 1.4.0 and its documents. */
export const replicateEmulator: EmulatorDefinition = {
  slug: 'replicate',
  title: 'Replicate',
  keyPrefix: 'r8_emulated',
  failures: {
    bad_key: () => says(401, 'Unauthenticated', 'You did not pass a valid authentication token'),
    no_credit: () => says(402, 'Insufficient credit', 'You have insufficient credit to run this model.'),
    unknown_model: () => says(404, 'Not found', 'The requested resource could not be found.'),
    unknown_job: () => says(404, 'Not found', 'Prediction not found'),
    validation: (detail) => says(422, 'Input validation failed', `- input: ${detail} is required\n`),
    rate_limited: () => ({
      status: 429,
      body: { detail: 'Request was throttled. Your rate limit resets in ~30s.' },
    }),
    server_error: () => says(500, 'Internal server error', 'Try again.'),
    unknown_route: () => says(404, 'Not found', 'Not found'),
  },
  quirks: {
    aborted: 'a prediction whose deadline passed before it began is aborted instead of canceled',
    data_removed: 'an hour has passed: input and output are gone',
    no_output: 'a success without an output',
  },
  routes: (emulator) => [
    ...predictionRoutes(emulator),
    ...catalogRoutes(emulator),
    ...accountRoutes(emulator),
  ],
};

function catalogRoutes(emulator: Emulator): EmulatedRoute[] {
  const slugs = [...new Set(replicateModels.map(({ collection }) => collection))];
  const half = Math.ceil(slugs.length / 2);
  const toCollection = (slug: string) => ({ slug, name: slug, description: '', full_description: null });
  return [
    {
      method: 'GET',
      path: '/collections',
      kind: 'catalog',
      query: ['cursor'],
      handle: ({ query }) =>
        query.cursor === undefined
          ? {
              next: emulator.url('/collections?cursor=2'),
              previous: null,
              results: slugs.slice(0, half).map(toCollection),
            }
          : { next: null, previous: null, results: slugs.slice(half).map(toCollection) },
    },
    {
      method: 'GET',
      path: '/collections/:slug',
      kind: 'catalog',
      handle({ params }) {
        const models = replicateModels.filter(({ collection }) => collection === params.slug).map(toWire);
        return { ...toCollection(params.slug ?? ''), models };
      },
    },
    {
      method: 'GET',
      path: '/models/:owner/:name',
      kind: 'describe',
      handle({ params }) {
        const model = findReplicateModel(`${params.owner}/${params.name}`);
        if (model === undefined) throw emulator.refusal('unknown_model');
        return toWire(model);
      },
    },
  ];
}

function accountRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      path: '/account',
      kind: 'probe',
      handle: () => ({ type: 'user', username: 'ada', name: 'Ada', github_url: null }),
    },
    {
      method: 'GET',
      path: '/webhooks/default/secret',
      kind: 'other',
      handle: () => ({ key: replicateWebhookSecret }),
    },
    {
      method: 'POST',
      path: '/files',
      kind: 'upload',
      body: 'form',
      async handle({ body }) {
        const content = body instanceof FormData ? body.get('content') : null;
        if (!(content instanceof Blob)) throw emulator.refusal('validation', 'content');
        const id = emulator.id('', 22);
        const bytes = Buffer.from(await content.arrayBuffer());
        emulator.files.set(id, { bytes, contentType: content.type });
        throw new Refusal({
          status: 201,
          body: {
            id,
            content_type: content.type,
            size: bytes.length,
            checksums: { sha256: hash('sha256', bytes) },
            metadata: {},
            created_at: '2026-01-01T00:00:00Z',
            expires_at: null,
            urls: { get: emulator.url(`/files/${id}`) },
          },
        });
      },
    },
  ];
}

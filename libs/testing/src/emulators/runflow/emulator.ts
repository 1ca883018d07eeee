import { z } from 'zod';
import type { Answer, EmulatedRoute, Emulator, EmulatorDefinition } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { type RunflowModel, runflowModels } from './models.ts';
import { runRoutes } from './run-routes.ts';

function says(status: number, code: string, message: string): Answer {
  return { status, body: { code, message } };
}

/** Runflow, after its documents: there is no official client in the registry that could be asked. */
export const runflowEmulator: EmulatorDefinition = {
  slug: 'runflow',
  title: 'Runflow',
  keyPrefix: 'rf_live_emulated',
  failures: {
    bad_key: () => says(401, 'UNAUTHORIZED', 'Invalid API key'),
    no_credit: () => says(402, 'INSUFFICIENT_CREDIT', 'Not enough credit for this run'),
    unknown_model: (detail) => says(404, 'MODEL_NOT_FOUND', `No model ${detail}`),
    unknown_job: () => says(404, 'RUN_NOT_FOUND', 'Run not found'),
    validation: (field) => ({
      status: 422,
      body: {
        code: 'VALIDATION_ERROR',
        message: 'Invalid input',
        errors: [{ field: `input.${field}`, type: 'missing', message: 'is required' }],
      },
    }),
    rate_limited: () => says(429, 'RATE_LIMITED', 'Too many requests'),
    server_error: () => says(500, 'INTERNAL_ERROR', 'Try again'),
    unknown_route: () => says(404, 'NOT_FOUND', 'Not found'),
  },
  quirks: {
    two_ls: 'a state of cancelled with two ls, as in callbacks and older documents',
    status_field: 'the state of a run in `status` instead of `status_code`',
    not_idempotent: 'the same client_ref makes another run',
    no_filter: 'runs cannot be listed by client_ref',
    cents: 'the balance in cents',
    no_output: 'a success without outputs',
  },
  routes: (emulator) => [...runRoutes(emulator), ...assetRoutes(emulator), ...accountRoutes(emulator)],
};

function accountRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      path: '/public/models',
      kind: 'catalog',
      isOpen: true,
      query: ['limit', 'pq'],
      handle: () => ({ items: runflowModels.map(toListed), next_pq: null }),
    },
    { method: 'GET', path: '/auth/me', kind: 'probe', handle: () => ({ email: 'ada@example.com' }) },
    {
      method: 'GET',
      path: '/billing/balance',
      kind: 'balance',
      handle: () =>
        emulator.quirks.has('cents')
          ? { balance_cents: 1_250, currency: 'USD' }
          : { balance: '12.5000', currency: 'USD' },
    },
  ];
}

function toListed({ makes: _makes, ...model }: RunflowModel): object {
  const { provider_slug: provider, model_slug: slug } = model;
  return { ...model, runs_endpoint: `/v1/models/${provider}/${slug}/runs` };
}

function assetRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/asset-uploads',
      kind: 'upload',
      body: z.strictObject({
        filename: z.string(),
        mime_type: z.string(),
        size_bytes: z.int().positive().max(52_428_800),
      }),
      handle() {
        const id = emulator.id('asset_');
        throw new Refusal({
          status: 201,
          body: { asset_id: id, upload_url: emulator.url(`/uploaded/${id}?signature=1`) },
        });
      },
    },
    {
      method: 'PUT',
      path: '/uploaded/:id',
      kind: 'upload',
      isOpen: true,
      query: ['signature'],
      body: 'bytes',
      handle({ params, rawBody, headers }) {
        const contentType = headers['content-type'] ?? 'application/octet-stream';
        emulator.files.set(params.id ?? '', { bytes: rawBody, contentType });
        return {};
      },
    },
    {
      method: 'POST',
      path: '/asset-uploads/:id/confirmations',
      kind: 'upload',
      body: z.strictObject({ folder_id: z.string().optional() }),
      handle({ params }) {
        const id = params.id ?? '';
        const kept = emulator.files.get(id);
        if (kept === undefined) throw emulator.refusal('validation', 'asset');
        throw new Refusal({
          status: 201,
          body: { id, url: emulator.url(`/uploaded/${id}?signature=2`), mime_type: kept.contentType },
        });
      },
    },
  ];
}

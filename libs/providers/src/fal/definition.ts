import { z } from 'zod';
import type { AdapterDefinition } from '../definition.ts';

/** fal: a queue in front of some hundreds of models for pictures, videos and sounds. */
export const fal: AdapterDefinition = {
  slug: 'fal',
  title: 'fal',
  homepage: 'https://fal.ai/docs',
  capabilities: {
    cancel: 'real',
    progress: 'queue_position',
    jobs: 'remote',
    watch: true,
    recover: false,
    inputUrls: 'uploaded',
  },
  facts: {
    offers: 'images, videos, speech, music, 3D, transcription, training',
    streaming: 'server-sent events of the status',
    webhooks: 'Ed25519, by the key set that the platform publishes',
    idempotency: 'none',
    schemas: 'OpenAPI of each model, read with the model',
    prices: 'price per unit of each model, read with the model',
    files: 'put into its storage; foreign links are passed on',
    failures: 'nothing for faults of the server; cost unknown where a model refuses an input after it began',
    results: 'as long as the account says; not known',
  },
  bases: {
    api: { url: 'https://queue.fal.run', variable: 'FAL_BASE_URL' },
    platform: { url: 'https://api.fal.ai/v1', variable: 'FAL_PLATFORM_URL' },
    rest: { url: 'https://rest.fal.ai', variable: 'FAL_REST_URL' },
  },
  keyVariables: ['FAL_KEY', 'FAL_API_KEY'],
  options: z.strictObject({
    priority: z.enum(['low', 'normal']).optional().describe('low or normal'),
    start_timeout_seconds: z.number().positive().optional().describe('How long it may wait in the queue'),
  }),
  exceptions: {
    happy_sync: 'every run goes through the queue',
    partial_output: 'a result has all outputs or is an error',
    reads_balance: 'the platform has no such call',
  },
  unverified: [
    'what cancelling answers for a request that is over (400 by the client, 409 by others)',
    'what the result of a cancelled request is (499 with client_cancelled is assumed)',
    'how missing credit is answered (402, or 403 with a sentence about the balance)',
    'the call that checks a key (`/models/usage`)',
    'the prices of `/models/pricing`',
    'how long links of results live',
  ],
  create: async (options) => (await import('./adapter.ts')).createFalProvider(options),
};

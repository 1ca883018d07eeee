import type { AdapterDefinition } from '../definition.ts';

/** Replicate: predictions of anybody's models. */
export const replicate: AdapterDefinition = {
  slug: 'replicate',
  title: 'Replicate',
  homepage: 'https://replicate.com/docs',
  capabilities: {
    cancel: 'real',
    progress: 'logs',
    jobs: 'remote',
    watch: true,
    recover: false,
    inputUrls: 'uploaded',
  },
  facts: {
    offers: 'images, videos, speech, music, text, 3D: its collections, and any other model by name',
    streaming: 'server-sent events of language models',
    webhooks: 'Standard Webhooks, by the secret of the account',
    idempotency: 'none',
    schemas: 'OpenAPI of the latest version, read with the model',
    prices: 'none: the platform publishes no prices by API',
    files: 'put into its file storage; foreign links are passed on',
    failures: 'cost unknown: time of hardware is charged until the end; nothing for what was never begun',
    results: 'one hour',
  },
  bases: { api: { url: 'https://api.replicate.com/v1', variable: 'REPLICATE_BASE_URL' } },
  keyVariables: ['REPLICATE_API_TOKEN', 'REPLICATE_API_KEY'],
  keyPrefixes: ['r8_'],
  settings: {
    REPLICATE_MODELS:
      'Comma-separated models (owner/name) that are offered besides those of the collections.',
  },
  exceptions: {
    happy_sync: 'a call that is held is lost when it breaks, so that every prediction is followed',
    partial_output: 'a prediction has its output or an error',
    reads_balance: 'the platform has no such call',
  },
  unverified: [
    'how missing credit is answered (402 is assumed)',
    'whether the files of its storage can be read by every model',
    'whether `is_official` is in every reply; without it a model is run by its latest version',
    'how many collections there are: the first 60 are read',
  ],
  create: async (options) => (await import('./adapter.ts')).createReplicateProvider(options),
};

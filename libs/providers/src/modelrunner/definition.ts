import type { AdapterDefinition } from '../definition.ts';

/** ModelRunner: a queue in front of models for pictures, videos and sounds. */
export const modelrunner: AdapterDefinition = {
  slug: 'modelrunner',
  title: 'ModelRunner',
  homepage: 'https://docs.modelrunner.ai',
  capabilities: {
    cancel: 'cosmetic',
    progress: 'none',
    jobs: 'remote',
    watch: true,
    recover: true,
    inputUrls: 'uploaded',
  },
  facts: {
    offers: 'images, videos, sounds (its language models through `openai`)',
    streaming: 'server-sent events of the status',
    webhooks: 'Standard Webhooks, by the secret of the account',
    idempotency: 'our id in the metadata of a request, by which requests are listed',
    schemas: 'OpenAPI of each model, read with the model',
    prices: 'what a run cost on average, read with the model',
    files: 'put into its storage; foreign links are passed on',
    results: 'until they are deleted; their JSON for 180 days',
  },
  bases: {
    api: { url: 'https://queue.modelrunner.run', variable: 'MODELRUNNER_BASE_URL' },
    platform: { url: 'https://api.modelrunner.run', variable: 'MODELRUNNER_PLATFORM_URL' },
  },
  keyVariables: ['MODELRUNNER_API_KEY', 'MODELRUNNER_KEY'],
  exceptions: {
    happy_sync: 'every run goes through the queue',
  },
  unverified: [
    'every reply: its official client is not in the registry, so that documents and recorded requests are all there is',
    'whether the platform is at api.modelrunner.run or at modelrunner.run (MODELRUNNER_PLATFORM_URL moves it)',
    'how soon a request appears in the list by its metadata',
    'whether a cancel is PUT, as the client sends it, or GET, as the documents say',
    'the fields of a model in the list',
    'the fields of its rate cards, which are not read',
  ],
  create: async (options) => (await import('./adapter.ts')).createModelRunnerProvider(options),
};

import { z } from 'zod';
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
    idempotency: 'our id in the metadata of a request, by which requests are listed on the host of the queue',
    schemas: 'OpenAPI of each model, read with the model',
    prices: 'what a run costs on average, read with the list; what a run cost by the record of its request',
    files: 'put into its storage; foreign links are passed on',
    failures:
      'as its record of the request says; cost unknown where it was cancelled, since what runs goes on',
    results: 'until they are deleted; their JSON for 180 days',
  },
  bases: {
    api: { url: 'https://queue.modelrunner.run', variable: 'MODELRUNNER_BASE_URL' },
    platform: { url: 'https://api.modelrunner.run', variable: 'MODELRUNNER_PLATFORM_URL' },
  },
  keyVariables: ['MODELRUNNER_API_KEY', 'MODELRUNNER_KEY'],
  options: z.strictObject({
    priority: z.enum(['low', 'normal']).optional().describe('low or normal'),
  }),
  exceptions: {
    happy_sync: 'every run goes through the queue',
  },
  unverified: [
    'every reply: no live call was made; the replies are checked against its published specification',
    'whether the platform is at api.modelrunner.run or at modelrunner.run (MODELRUNNER_PLATFORM_URL moves it)',
    'how soon a request appears in the list by its metadata',
    'how soon after a result its bill (`totalPrice` of the request) is written; it is waited for about a second',
  ],
  create: async (options) => (await import('./adapter.ts')).createModelRunnerProvider(options),
};

import { z } from 'zod';
import type { AdapterDefinition } from '../definition.ts';
import { restVersionSettings } from './control/versions.ts';

/** Runpod: public endpoints, and the serverless endpoints of whoever calls. */
export const runpod: AdapterDefinition = {
  slug: 'runpod',
  title: 'Runpod',
  homepage: 'https://docs.runpod.io',
  capabilities: {
    cancel: 'real',
    progress: 'logs',
    jobs: 'remote',
    watch: true,
    recover: false,
    inputUrls: 'public',
    ownModels: true,
  },
  facts: {
    offers: 'public endpoints (images, videos, speech, chat), and serverless endpoints of your own',
    streaming: '/stream of the job, where the input says `stream: true`',
    webhooks:
      'unsigned: a call makes us ask; the job that it names is taken for a lost submit when the platform knows it',
    idempotency: 'none',
    schemas: 'built in, from the documentation of each public endpoint; open where it says nothing',
    prices: 'the price text of the public catalogue; endpoints of your own are billed by worker time',
    files: 'by URL',
    failures: 'cost unknown: workers are paid by time, whatever comes of a job, and no job tells its share',
    results: 'jobs for 30 minutes, media of public endpoints for 7 days',
  },
  bases: {
    api: { url: 'https://api.runpod.ai/v2', variable: 'RUNPOD_SERVERLESS_API_URL' },
    rest: { url: 'https://api.runpod.io/v2', variable: 'RUNPOD_REST_V2_API_URL' },
    rest1: { url: 'https://rest.runpod.io/v1', variable: 'RUNPOD_REST_API_URL' },
    // Two, so that a stand-in for the public catalogue never receives a key.
    graphql: { url: 'https://api.runpod.io/graphql', variable: 'RUNPOD_PUBLIC_GRAPHQL_URL' },
    account: { url: 'https://api.runpod.io/graphql', variable: 'RUNPOD_AUTHED_GRAPHQL_URL' },
  },
  keyVariables: ['RUNPOD_API_KEY'],
  keyPrefixes: ['rpa_'],
  settings: {
    ...restVersionSettings,
    RUNPOD_HUB:
      '1 lists the workers of the Runpod Hub too, as solutions: they cannot be run before somebody has deployed one as an endpoint of an account, so that they are left out unless they are wanted.',
  },
  options: z.strictObject({
    execution_timeout_seconds: z
      .number()
      .min(5)
      .max(604_800)
      .optional()
      .describe('The longest that a worker may take, 5 to 604800'),
    low_priority: z.boolean().optional().describe('Do not start a worker for it'),
    stream: z.boolean().optional().describe('The worker streams its output'),
    s3Config: z
      .undefined({ error: 'is not taken: options are stored with the run, and keys of a bucket must not be' })
      .optional()
      .describe('outputs are stored here; larger ones are fetched by their links'),
    webhook: z
      .undefined({ error: 'is not taken: the platform reports to this server' })
      .optional()
      .describe('give your own address as the argument webhook of the run'),
  }),
  exceptions: {
    describes_model: 'the list has the schemas already',
    happy_sync: 'every run is a job: a result of /runsync can be read for one minute only',
    webhook_forged: 'its webhooks are not signed, so that their content is never taken',
    webhook_stale: 'its webhooks carry no time, and their content is never taken',
  },
  unverified: [
    'how it answers when the balance is used up (402 is assumed)',
    'bodies of 401, 404 and 429 on the serverless runtime',
    'whether /stream of a job whose worker does not stream is empty',
    'whether every key may read clientBalance',
    'what a revoked key gets from GraphQL (401 is assumed)',
  ],
  create: async (options) => (await import('./adapter.ts')).createRunpodProvider(options),
  control: async (options) => (await import('./control/plane.ts')).createRunpodPlane(options),
};

import { z } from 'zod';
import type { AdapterDefinition } from '../definition.ts';

/** Runware: one address that takes tasks of every kind, each with an id of our own. */
export const runware: AdapterDefinition = {
  slug: 'runware',
  title: 'Runware',
  homepage: 'https://runware.ai/docs',
  capabilities: {
    cancel: 'none',
    progress: 'percent',
    jobs: 'remote',
    watch: false,
    recover: true,
    inputUrls: 'uploaded',
  },
  facts: {
    offers: 'images, videos, sounds, text, 3D, upscaling, background removal, captions',
    streaming: 'none: tasks are asked for their results',
    webhooks:
      'unsigned: a call to the address of a run makes us ask for its task; what else it says is never taken',
    idempotency: 'the UUID of the task, which follows from the run and the count of its submits',
    schemas: 'JSON Schema of each model, read with the model',
    prices: 'its table of configurations, read with the list; the cost of a run with its result',
    files: 'put into its storage; foreign links are passed on',
    failures: 'what its tasks tell; nothing where they tell nothing',
    results: 'not known how long; `ttl` of the platform',
  },
  bases: {
    api: { url: 'https://api.runware.ai/v1', variable: 'RUNWARE_BASE_URL' },
    content: { url: 'https://content.runware.ai', variable: 'RUNWARE_CONTENT_URL' },
    schemas: { url: 'https://schemas.runware.ai', variable: 'RUNWARE_SCHEMAS_URL' },
  },
  keyVariables: ['RUNWARE_API_KEY'],
  options: z.strictObject({
    task_type: z
      .string()
      .regex(/^[A-Za-z0-9]{2,60}$/)
      .optional()
      .describe('What the task is, where the schema of the model does not say: imageInference'),
    output_type: z
      .enum(['URL', 'base64Data', 'dataURI'])
      .optional()
      .describe('How the platform gives results back; they become files here either way'),
    media_ttl: z.int().min(60).optional().describe('Seconds for which the platform keeps its own link'),
    upload_endpoint: z
      .url({ protocol: /^https$/ })
      .max(2_000)
      .optional()
      .describe('Where the platform also puts the result, with PUT'),
    webhook_url: z
      .url({ protocol: /^https$/ })
      .max(2_000)
      .optional()
      .describe('Where the platform posts each result itself, unsigned'),
  }),
  exceptions: {
    happy_sync: 'every task is delivered later, since a call that is held is lost when it breaks',
    happy_streamed: 'text alone is streamed, and in the call that asks for it, which is lost when it breaks',
    webhook_forged: 'its webhooks are not signed, so that their content is never taken',
    webhook_stale: 'its webhooks carry no time, and their content is never taken',
  },
  unverified: [
    'what a second task with the same UUID gets, which is never sent',
    'what getTaskDetails answers for a task that was never sent (taskNotFound is assumed)',
    'how long a task can be asked for',
    'whether its schema service knows models of the community, and what it answers for one that it does not know',
    'the tasks of the platform for storing media and uploading models, beyond the types of its SDK',
    'whether `balance` of accountManagement is an object, as the types of its SDK have it, or a number; both are read',
    'whether every model takes asynchronous delivery',
    'its WebSocket, which is not used: polling costs the same and needs no connection that is held',
  ],
  create: async (options) => (await import('./adapter.ts')).createRunwareProvider(options),
};

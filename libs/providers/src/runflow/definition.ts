import type { AdapterDefinition } from '../definition.ts';

/** Runflow: packaged workflows first, and models behind the same call. */
export const runflow: AdapterDefinition = {
  slug: 'runflow',
  title: 'Runflow',
  homepage: 'https://docs.runflow.io',
  capabilities: {
    cancel: 'none',
    progress: 'steps',
    jobs: 'remote',
    watch: false,
    recover: true,
    inputUrls: 'uploaded',
  },
  facts: {
    offers: 'solutions (packaged workflows) and models for images, videos and sounds',
    streaming: 'none',
    webhooks: 'HMAC-SHA-256 without a time, by secrets that an operator makes there',
    idempotency: 'our id as `client_ref`, by which runs are listed',
    schemas: 'made from the list of inputs of each model',
    prices: 'price text of each model; the cost of a run with its end',
    files: 'put into its storage (50 MB); foreign links are passed on',
    failures: 'as far as it came: what the run tells, and cost unknown where it tells nothing',
    results: 'signed links; not known how long',
  },
  bases: { api: { url: 'https://api.runflow.io/v1', variable: 'RUNFLOW_BASE_URL' } },
  keyVariables: ['RUNFLOW_API_KEY'],
  keyPrefixes: ['rf_live_'],
  settings: {
    RUNFLOW_CALLBACK_SECRETS:
      'Secrets of callbacks, comma-separated, as the platform made them; without one its callbacks are refused and runs are polled.',
  },
  exceptions: {
    describes_model: 'the list has the schemas already',
    happy_sync: 'every run is followed',
    happy_streamed: 'the platform pushes nothing but callbacks',
    webhook_stale:
      'its signatures carry no time: a replay makes us ask once more, and its content is never taken',
  },
  unverified: [
    'every reply: there is no official client in the registry, so that documents are all there is',
    'whether `client_ref` makes a submit idempotent, as one document says and another one denies',
    'whether runs can be listed by `client_ref`',
    'the codes of input types and validators beyond those of the documents',
    'whether the balance is in units or in cents; both are read',
    'how long links of outputs live',
  ],
  create: async (options) => (await import('./adapter.ts')).createRunflowProvider(options),
};

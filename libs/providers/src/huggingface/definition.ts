import { z } from 'zod';
import type { AdapterDefinition } from '../definition.ts';

/** Hugging Face Inference Providers: one key and one bill for models that several platforms serve. */
export const huggingface: AdapterDefinition = {
  slug: 'huggingface',
  title: 'Hugging Face',
  homepage: 'https://huggingface.co/docs/inference-providers',
  capabilities: {
    cancel: 'cosmetic',
    progress: 'queue_position',
    jobs: 'remote',
    watch: true,
    recover: false,
    inputUrls: 'public',
  },
  facts: {
    offers:
      'text-to-image, image-to-image, text-to-video, speech, chat, embeddings, through fal, Replicate, WaveSpeed, Together and its own servers',
    streaming: 'server-sent events (chat)',
    webhooks: 'none',
    idempotency: 'none',
    schemas: 'built in, one for each task',
    prices: 'none: the platform publishes no prices by API',
    files: 'links that the serving platform fetches',
    failures: 'cost unknown: whoever served it decides, and nobody tells',
    results: 'as long as the serving platform keeps them: an hour at Replicate',
  },
  bases: {
    api: { url: 'https://router.huggingface.co', variable: 'HUGGINGFACE_BASE_URL' },
    hub: { url: 'https://huggingface.co', variable: 'HUGGINGFACE_HUB_URL' },
  },
  keyVariables: ['HF_TOKEN', 'HUGGINGFACE_API_KEY'],
  keyPrefixes: ['hf_'],
  settings: {
    HF_BILL_TO: 'The organisation that pays (`X-HF-Bill-To`).',
    HUGGINGFACE_MODELS:
      'Comma-separated model ids that are offered besides the most liked ones of each task.',
  },
  options: z.strictObject({
    provider: z.string().max(100).optional().describe('Who serves the model, of those that its page names'),
  }),
  exceptions: {
    describes_model: 'the list has the schemas of the tasks already',
    cancelled_job: 'its routes show no such state',
    several_outputs: 'its tasks have one output',
    partial_output: 'its tasks have one output',
    reads_balance: 'the platform has no such call',
    webhook_good: 'no webhooks',
    webhook_forged: 'no webhooks',
    webhook_stale: 'no webhooks',
    webhook_duplicate: 'no webhooks',
  },
  unverified: [
    'the list of models by task and provider (`inference_provider=all`)',
    'polling of Replicate through the router beyond `Prefer: wait`',
    'the routes of providers that are not named above, which are not offered',
    'how long a model that is being loaded answers 503',
  ],
  async create(options) {
    const { createHuggingFaceProvider } = await import('./adapter.ts');
    return createHuggingFaceProvider(options);
  },
};

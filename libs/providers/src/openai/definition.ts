import type { AdapterDefinition, AdapterOptions } from '../definition.ts';
import type { Provider } from '../provider.ts';

const facts = {
  offers: 'images and edits, speech, transcription, chat, embeddings, videos',
  streaming: 'server-sent events (chat, partial images)',
  webhooks: 'none',
  idempotency: 'none',
  schemas: 'built in, one for each kind of model',
  prices: 'none: the platform publishes no prices by API',
  files: 'sent along as multipart or base64',
  failures:
    'cost unknown: an answer that breaks off has used tokens, and no reply tells their price; nothing on a server of your own',
  results: 'in the reply; links of images for about an hour, videos until they expire',
} as const;

const shared = {
  facts,
  capabilities: {
    cancel: 'cosmetic',
    progress: 'percent',
    jobs: 'remote',
    watch: true,
    recover: false,
    inputUrls: 'internal',
  },
  settings: {
    OPENAI_MODEL_KINDS:
      'What models do whose names do not tell: `name=kind,…`; kinds: chat, image, speech, transcription, embedding, video, none. A * at the end of a name stands for anything.',
  },
  exceptions: {
    describes_model: 'the list has the schemas already',
    cancelled_job: 'its videos have no such state',
    terminal_not_success: 'it has one state for each way to end',
    partial_output: 'an answer has all outputs or is an error',
    huge_output: 'videos are read with the key, up to 256 MiB, since their links need it',
    hostile_key_url: 'its answers name no addresses that need the key',
    webhook_good: 'no webhooks',
    webhook_forged: 'no webhooks',
    webhook_stale: 'no webhooks',
    webhook_duplicate: 'no webhooks',
    reads_balance: 'the platform has no such call',
  },
  unverified: [
    'how long links of images live',
    'what a dropped connection costs',
    'whether a video that is under way can be deleted',
  ],
  create: open,
} satisfies Partial<AdapterDefinition>;

async function open(options: AdapterOptions): Promise<Provider> {
  const { createOpenAiProvider } = await import('./adapter.ts');
  return createOpenAiProvider(options);
}

/** OpenAI, and every server that speaks its API: `PROVIDERS=…,my-server:openai` opens further ones. */
export const openai: AdapterDefinition = {
  ...shared,
  slug: 'openai',
  title: 'OpenAI',
  homepage: 'https://platform.openai.com/docs',
  bases: { api: { url: 'https://api.openai.com/v1', variable: 'OPENAI_BASE_URL' } },
  keyVariables: ['OPENAI_API_KEY'],
  keyless: 'another_slug',
  keyPrefixes: ['sk-'],
};

/** Servers of one's own that speak the same API; they need no key unless they were given one. */
export const openaiPresets: readonly AdapterDefinition[] = [
  preset('vllm', 'vLLM', { homepage: 'https://docs.vllm.ai', url: 'http://127.0.0.1:8000/v1' }),
  preset('ollama', 'Ollama', { homepage: 'https://ollama.com', url: 'http://127.0.0.1:11434/v1' }),
  preset('localai', 'LocalAI', { homepage: 'https://localai.io', url: 'http://127.0.0.1:8081/v1' }),
  preset('litellm', 'LiteLLM', { homepage: 'https://docs.litellm.ai', url: 'http://127.0.0.1:4000/v1' }),
];

function preset(
  slug: string,
  title: string,
  { homepage, url }: { homepage: string; url: string },
): AdapterDefinition {
  const name = slug.toUpperCase();
  return {
    ...shared,
    slug,
    title,
    homepage,
    presetOf: 'openai',
    bases: { api: { url, variable: `${name}_BASE_URL` } },
    keyVariables: [`${name}_API_KEY`],
    keyless: 'always',
    facts: { ...facts, prices: slug === 'litellm' ? facts.prices : 'free: a server of your own' },
    unverified: ['only the shapes that it shares with OpenAI are tested'],
  };
}

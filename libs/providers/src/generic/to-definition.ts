import type { AdapterDefinition } from '../definition.ts';
import type { Description } from './description.ts';

/** A description as an adapter like any other. */
export function toDefinition(description: Description): AdapterDefinition {
  const { slug, title, homepage, base_url: url, facts } = description;
  const name = slug.toUpperCase().replaceAll('-', '_');
  return {
    slug,
    title,
    homepage,
    capabilities: {
      cancel: description.poll === undefined ? 'cosmetic' : (description.cancel?.kind ?? 'none'),
      progress: description.poll?.progress === undefined ? 'none' : 'percent',
      jobs: 'remote',
      watch: false,
      recover: false,
      inputUrls: 'public',
    },
    facts: {
      offers: facts.offers ?? [...new Set(description.models.map(({ output }) => output))].join(', '),
      streaming: 'none',
      webhooks: 'none',
      idempotency: 'none',
      schemas: 'written by hand in the description',
      prices: facts.prices ?? (description.result.charged === undefined ? 'none' : 'after the run'),
      files: facts.files ?? 'links that the platform fetches',
      failures: failuresOf(description),
      results: facts.results ?? 'not known how long',
    },
    bases: { api: { url, variable: description.base_url_variable ?? `${name}_BASE_URL` } },
    keyVariables: description.auth.type === 'none' ? [] : (description.key_variables ?? [`${name}_API_KEY`]),
    exceptions: { ...generalExceptions, ...exceptionsOf(description), ...description.exceptions },
    unverified: description.unverified,
    async create(options) {
      const { createDescribedProvider } = await import('./adapter.ts');
      return createDescribedProvider(description, options);
    },
  };
}

function failuresOf({ result }: Description): string {
  if (result.failures === 'free') return 'nothing';
  return result.charged === undefined
    ? 'cost unknown, unless a model is free'
    : 'what its replies tell; cost unknown where they tell nothing, unless a model is free';
}

const generalExceptions = {
  describes_model: 'the description has the schemas',
  happy_streamed: 'described platforms are polled',
  terminal_not_success: 'a success without outputs is a failure, by its own test',
  webhook_good: 'described platforms have no webhooks',
  webhook_forged: 'described platforms have no webhooks',
  webhook_stale: 'described platforms have no webhooks',
  webhook_duplicate: 'described platforms have no webhooks',
  reads_balance: 'described platforms have no such call',
} as const;

function exceptionsOf({ poll, probe, result }: Description): AdapterDefinition['exceptions'] {
  const isList = result.outputs.some(({ at }) => at.includes('*'));
  return {
    ...(poll === undefined ? {} : { happy_sync: 'every model is submitted and polled' }),
    ...(probe === undefined
      ? { probes_key: 'the platform has no call that needs a key and costs nothing' }
      : {}),
    ...(isList ? {} : { several_outputs: 'a job has one output', partial_output: 'a job has one output' }),
  };
}

import { AppError } from '@inferry/contracts';
import type { JobView, Probe, Provider, ProviderContext, ProviderModel } from '@inferry/providers';

/** A platform that wants a key with every call, as a provider; `KEYED_PLATFORM_URL` says where it is. */
export function createProvider(): Provider {
  const base = process.env.KEYED_PLATFORM_URL ?? '';
  return {
    slug: 'keyed',
    title: 'Keyed platform',
    capabilities: {
      ...{ cancel: 'none', progress: 'none', jobs: 'remote', watch: false, recover: false },
      inputUrls: 'internal',
    },
    ready: () => ({ isReady: true }),
    listModels: async (_context, etag) => (etag === '1' ? 'unchanged' : { etag: '1', models: [model] }),
    quote: () => ({
      currency: 'USD',
      min: 0,
      max: 0,
      exact: true,
      unpriced_inputs: [],
      basis: 'per_request',
    }),
    async submit({ input }, context) {
      const { id } = (await ask(`${base}/jobs`, context, { input })) as { id: string };
      return { handle: { id }, view: { status: 'running', upstreamStatus: 'accepted' } };
    },
    poll: async ({ id }, context) => (await ask(`${base}/jobs/${id}`, context)) as JobView,
    cancel: async () => 'unsupported',
    recover: async () => ({ outcome: 'unknown' }),
    async probe(context): Promise<Probe> {
      try {
        const account = (await ask(`${base}/account`, context)) as { name: string; balance: number };
        return {
          outcome: 'ok',
          account: account.name,
          balance: { amount: account.balance, currency: 'USD' },
        };
      } catch (error) {
        if (error instanceof AppError && error.code === 'unauthorized') return { outcome: 'rejected' };
        throw error;
      }
    },
    close: async () => undefined,
  };
}

async function ask(url: string, context: ProviderContext, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    signal: context.signal,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(context.credential && { authorization: `Bearer ${context.credential.reveal()}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 401)
    throw new AppError('unauthorized', 'The platform does not accept the key.', { upstreamStatus: 401 });
  if (!response.ok) throw new AppError('upstream_failed', 'The platform refused.');
  return response.json();
}

const model: ProviderModel = {
  ...{ nativeId: 'echo', title: 'Echo', summary: 'Gives its text back; for tests.', kind: 'model' },
  ...{ categories: ['text'], capabilities: ['io:text-to-text'], creator: 'inferry', tags: [] },
  ...{ isFeatured: false, isLive: true, weight: 0, outputSchema: { type: 'string' }, examples: [] },
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', default: 'done', description: 'Its output' } },
  },
  price: { text: 'free', currency: 'USD', basis: 'per_request', amount: 0 },
  readme: 'A platform for tests.',
};

/** The platform of the bench `active-runs` as a provider: one small request for each submit and poll. */
import { Agent, request } from 'node:http';
import type { JobView, Provider, ProviderModel } from '@inferry/providers';

const base = process.env.BENCH_UPSTREAM_URL ?? '';
/** When a job asks to be polled again; without it, as its age says. */
const pollAfter = process.env.BENCH_POLL_AFTER_MS;

export function createProvider(): Provider {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const ask = (method: string, path: string, signal: AbortSignal) =>
    new Promise<Record<string, string>>((resolve, reject) => {
      const sent = request(`${base}${path}`, { method, agent, signal }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
        });
        // as: the upstream of this bench answers nothing else.
        response.on('end', () => resolve(JSON.parse(text) as Record<string, string>));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end();
    });
  return {
    slug: 'bench',
    title: 'Bench platform',
    capabilities: {
      cancel: 'none',
      progress: 'none',
      jobs: 'remote',
      watch: false,
      recover: false,
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
    async submit(_request, { signal }) {
      const { id = '' } = await ask('POST', '/jobs', signal);
      return { handle: { id }, view: { status: 'running', upstreamStatus: 'accepted' } };
    },
    async poll({ id }, { signal }) {
      const { status } = await ask('GET', `/jobs/${id}`, signal);
      return status === 'succeeded' ? done : running;
    },
    cancel: async () => 'unsupported',
    recover: async () => ({ outcome: 'unknown' }),
    close: async () => agent.destroy(),
  };
}

const running: JobView = {
  status: 'running',
  upstreamStatus: 'running',
  ...(pollAfter === undefined ? {} : { pollAfterMs: Number(pollAfter) }),
};
const done: JobView = {
  status: 'succeeded',
  upstreamStatus: 'succeeded',
  outputs: [{ kind: 'text', contentType: 'text/plain', text: 'done' }],
};

const model: ProviderModel = {
  nativeId: 'quick',
  title: 'Quick job',
  summary: 'Done at its first poll; for the bench.',
  kind: 'model',
  categories: ['text'],
  capabilities: ['io:text-to-text'],
  creator: 'inferry',
  tags: [],
  isFeatured: false,
  isLive: true,
  weight: 0,
  inputSchema: { type: 'object', properties: {} },
  outputSchema: { type: 'string' },
  price: { text: 'free', currency: 'USD', basis: 'per_request', amount: 0 },
  examples: [],
  readme: 'A platform for the bench.',
};

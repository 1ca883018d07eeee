import { AppError } from '@inferry/contracts';
import type { JobView, Provider, ProviderModel } from '@inferry/providers';

const price = 0.01;

/** The scripted platform as a provider; `SCRIPTED_UPSTREAM_URL` says where it is. Named in `INFERRY_EXTRA_PROVIDERS`. */
export function createProvider(): Provider {
  const base = process.env.SCRIPTED_UPSTREAM_URL;
  return {
    slug: 'scripted',
    title: 'Scripted platform',
    capabilities: {
      cancel: 'real',
      progress: 'percent',
      jobs: 'remote',
      watch: false,
      recover: true,
      inputUrls: 'internal',
    },
    ready: () =>
      base === undefined ? { isReady: false, note: 'Set SCRIPTED_UPSTREAM_URL.' } : { isReady: true },
    async listModels(_context, etag) {
      return etag === '2' ? 'unchanged' : { etag: '2', models: [model, forgetful] };
    },
    quote: () => ({
      currency: 'USD',
      min: price,
      max: price,
      exact: true,
      unpriced_inputs: [],
      basis: 'per_request',
    }),
    announcesSubmit: true,
    async submit({ runId, input }, { signal, guard }) {
      // As a schema that is read, or a file that is uploaded: nothing of it is paid.
      if (typeof input.prepare_ms === 'number' && input.prepare_ms > 0)
        await ask(`${base}/jobs/prepared?run_id=${runId}&ms=${input.prepare_ms}`, signal);
      await guard?.announce();
      if (guard?.mayLeave() === false) throw new Error('the right to send it was lost');
      // as: the scripted platform answers an accepted submit with the job's id.
      const { id } = (await ask(`${base}/jobs`, signal, { run_id: runId, input })) as { id: string };
      return { handle: { id }, view: { status: 'running', upstreamStatus: 'accepted' } };
    },
    poll: async (handle, { signal }) => toView(await ask(`${base}/jobs/${handle.id}`, signal)),
    async cancel(handle, { signal }) {
      const view = toView(await ask(`${base}/jobs/${handle.id}/cancel`, signal, {}));
      return view.status === 'cancelled' ? 'confirmed' : 'too_late';
    },
    async recover({ runId, nativeId }, { signal }) {
      if (nativeId === forgetful.nativeId) return { outcome: 'unknown' };
      // as: the scripted platform lists the ids of a run's jobs.
      const [id] = (await ask(`${base}/jobs?run_id=${runId}`, signal)) as string[];
      return id === undefined ? { outcome: 'absent' } : { outcome: 'found', handle: { id } };
    },
    async close() {
      // It holds nothing open.
    },
  };
}

async function ask(url: string, signal: AbortSignal, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    signal,
    ...(body !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  if (!response.ok)
    throw new AppError('upstream_failed', 'The scripted platform refused.', {
      upstreamStatus: response.status,
    });
  return response.json();
}

interface JobState {
  status: JobView['status'];
  progress: number;
  text?: string;
  cost?: number;
}

function toView(body: unknown): JobView {
  // as: the shape of the scripted platform's job.
  const { status, progress, text, cost } = body as JobState;
  return {
    status,
    upstreamStatus: status,
    progress,
    pollAfterMs: 200,
    ...(status === 'failed' && { error: { code: 'generate_failed', message: 'It was told to fail.' } }),
    ...(status === 'succeeded' && {
      outputs: [{ kind: 'text', contentType: 'text/plain', text: text ?? '' }],
      charged: { amount: cost ?? price, currency: 'USD' },
    }),
  };
}

const model: ProviderModel = {
  nativeId: 'job',
  title: 'Scripted job',
  summary: 'Does what its input says; for tests.',
  kind: 'model',
  categories: ['text'],
  capabilities: ['io:text-to-text'],
  creator: 'inferry',
  tags: ['test'],
  isFeatured: false,
  isLive: true,
  weight: 0,
  inputSchema: {
    type: 'object',
    properties: {
      duration_ms: {
        type: 'integer',
        minimum: 0,
        maximum: 3_600_000,
        default: 0,
        description: 'How long it takes',
      },
      outcome: {
        type: 'string',
        enum: ['succeeded', 'failed'],
        default: 'succeeded',
        description: 'How it ends',
      },
      drop_reply: { type: 'boolean', default: false, description: 'Cut the reply of the submit' },
      prepare_ms: { type: 'integer', minimum: 0, default: 0, description: 'How long before its call' },
      accept_ms: { type: 'integer', minimum: 0, default: 0, description: 'How long until it is accepted' },
      unlisted_ms: { type: 'integer', minimum: 0, default: 0, description: 'How long it is not listed' },
      cost: { type: 'number', minimum: 0, description: 'What is charged, whatever it was quoted at' },
      text: { type: 'string', default: 'done', description: 'Its output' },
    },
  },
  outputSchema: { type: 'string' },
  price: { text: '$0.01', currency: 'USD', basis: 'per_request', amount: price },
  examples: [],
  readme: 'A platform for tests: see libs/testing.',
};

/** The same on a platform that cannot tell what became of a submit. */
const forgetful: ProviderModel = { ...model, nativeId: 'forgetful', title: 'Forgetful job' };

import type { EmulatorDefinition } from '../kit/index.ts';
import { chatRoutes } from '../openai/chat-routes.ts';
import { directRoutes } from './direct-routes.ts';
import { hubModels } from './hub-models.ts';
import { jobRoutes } from './job-routes.ts';

const says = (status: number, error: string) => ({ status, body: { error } });

/** The hub and the router, as @huggingface/inference 4.13.30 uses them: most routes are the serving platforms' own. */
export const huggingfaceEmulator: EmulatorDefinition = {
  slug: 'huggingface',
  title: 'Hugging Face',
  bases: ['hub'],
  keyPrefix: 'hf_emulated-',
  headers: ['prefer', 'x-hf-bill-to'],
  failures: {
    bad_key: () => says(401, 'Invalid credentials in Authorization header'),
    no_credit: () => says(402, 'You have exceeded your monthly included credits for Inference Providers.'),
    unknown_model: (detail) => says(404, `Model ${detail} does not exist`),
    unknown_job: (detail) => says(404, `Request ${detail} not found`),
    validation: (detail) => ({
      status: 422,
      body: { detail: [{ loc: ['body', 'prompt'], msg: detail || 'Field required', type: 'value_error' }] },
    }),
    rate_limited: () => says(429, 'Too many requests'),
    server_error: () => says(500, 'Internal Server Error'),
    unknown_route: () => says(404, 'Not Found'),
  },
  routes: (emulator) => [
    {
      method: 'GET',
      path: '/api/whoami-v2',
      base: 'hub',
      kind: 'probe',
      handle: () => ({ type: 'user', name: 'emulated', canPay: true }),
    },
    {
      method: 'GET',
      path: '/api/models',
      base: 'hub',
      kind: 'catalog',
      query: ['inference_provider', 'pipeline_tag', 'sort', 'limit', 'expand[]'],
      handle: ({ query }) => hubModels.filter(({ pipeline_tag: tag }) => tag === query.pipeline_tag),
    },
    {
      method: 'GET',
      path: '/api/models/*',
      base: 'hub',
      kind: 'describe',
      query: ['expand[]'],
      handle({ params }) {
        const id = decodeURIComponent(params['*'] ?? '');
        const model = hubModels.find((candidate) => candidate.id === id);
        if (model === undefined) throw emulator.refusal('unknown_model', id);
        return model;
      },
    },
    ...chatRoutes(emulator).map((route) => ({ ...route, path: `/v1${route.path}` })),
    ...jobRoutes(emulator),
    ...directRoutes(emulator),
  ],
};

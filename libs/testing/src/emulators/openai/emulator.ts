import type { Answer, EmulatorDefinition } from '../kit/index.ts';
import { audioRoutes } from './audio-routes.ts';
import { chatRoutes } from './chat-routes.ts';
import { imageRoutes } from './image-routes.ts';
import { videoRoutes } from './video-routes.ts';

function failure(
  status: number,
  fields: { message: string; type: string; code?: string; param?: string },
): Answer {
  return { status, body: { error: { param: null, code: null, ...fields } } };
}

/** The models of the emulated account. */
export const openAiModels: readonly string[] = [
  'dall-e-3',
  'gpt-4o-mini',
  'gpt-image-1',
  'omni-moderation-latest',
  'sora-2',
  'text-embedding-3-small',
  'tts-1',
  'whisper-1',
];

/** OpenAI's API, as its specification of August 2026 and the official client's types describe it. */
export const openaiEmulator: EmulatorDefinition = {
  slug: 'openai',
  title: 'OpenAI',
  keyPrefix: 'sk-emulated-',
  // The official client's own.
  clientHeaders: /^(x-stainless-|openai-|idempotency-key)/,
  failures: {
    bad_key: () =>
      failure(401, {
        message: 'Incorrect API key provided.',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      }),
    no_credit: () =>
      failure(429, {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
    unknown_model: (detail) =>
      failure(404, {
        message: `The model ${detail} does not exist or you do not have access to it.`,
        type: 'invalid_request_error',
        code: 'model_not_found',
      }),
    unknown_job: (detail) =>
      failure(404, { message: `No such video: ${detail}`, type: 'invalid_request_error', code: 'not_found' }),
    validation: (detail) =>
      failure(400, { message: `Invalid value: ${detail}`, type: 'invalid_request_error', param: 'size' }),
    rate_limited: () =>
      failure(429, { message: 'Rate limit reached.', type: 'requests', code: 'rate_limit_exceeded' }),
    server_error: () => failure(500, { message: 'The server had an error.', type: 'server_error' }),
    unknown_route: (detail) =>
      failure(404, { message: `Invalid URL (${detail})`, type: 'invalid_request_error' }),
  },
  routes: (emulator) => [
    {
      method: 'GET',
      path: '/models',
      kind: 'catalog',
      handle: () => ({
        object: 'list',
        data: openAiModels.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'system' })),
      }),
    },
    ...imageRoutes(emulator),
    ...audioRoutes(emulator),
    ...chatRoutes(emulator),
    ...videoRoutes(emulator),
  ],
};

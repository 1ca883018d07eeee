import type { Answer, EmulatorDefinition } from '../kit/index.ts';
import { platformRoutes } from './platform-routes.ts';
import { queueRoutes } from './queue-routes.ts';

function says(status: number, error: unknown, details?: object): Answer {
  return { status, body: { error, request_id: 'req_1', ...(details !== undefined && { details }) } };
}

/** ModelRunner, after its documents of August 2026 and the requests that its client 1.3.0 was seen to send. */
export const modelrunnerEmulator: EmulatorDefinition = {
  slug: 'modelrunner',
  title: 'ModelRunner',
  bases: ['platform'],
  keyPrefix: 'emulated-mr-',
  readKey: ({ authorization }) => /^Key (.+)$/.exec(authorization ?? '')?.[1],
  authorization: (key) => ({ authorization: `Key ${key}` }),
  clientHeaders: /^x-modelrunner-/,
  failures: {
    bad_key: () => says(401, 'Unauthorized'),
    no_credit: () => says(402, 'Insufficient balance'),
    unknown_model: (detail) => says(404, `Model ${detail} not found`),
    unknown_job: () => says(404, 'Request not found'),
    validation: (detail) =>
      says(400, 'Validation failed', {
        code: 'VALIDATION_ERROR',
        validationErrors: [{ path: [detail], message: 'Required', code: 'invalid_type' }],
      }),
    rate_limited: () => says(429, 'Too many requests'),
    server_error: () => says(500, 'Internal server error'),
    unknown_route: () => says(404, 'Not found'),
  },
  quirks: {
    failed_as_completed: 'a generation that failed is COMPLETED, and its result is a 422',
    failed_200: 'a status of FAILED comes with 200 instead of 400',
  },
  routes: (emulator) => [...platformRoutes(emulator), ...queueRoutes(emulator)],
};

import type { Answer, EmulatorDefinition } from '../kit/index.ts';
import { platformRoutes } from './platform-routes.ts';
import { queueRoutes } from './queue-routes.ts';

const says = (status: number, detail: unknown, type?: string): Answer => ({
  status,
  body: { detail, ...(type !== undefined && { error_type: type }) },
  ...(type !== undefined && { headers: { 'x-fal-error-type': type } }),
});

/** fal's queue, storage and list of models, as its client 1.10.1 and its documents of 2026 show them. */
export const falEmulator: EmulatorDefinition = {
  slug: 'fal',
  title: 'fal',
  bases: ['platform', 'rest'],
  keyPrefix: 'emulated-fal:',
  readKey: ({ authorization }) => /^Key (.+)$/.exec(authorization ?? '')?.[1],
  authorization: (key) => ({ authorization: `Key ${key}` }),
  clientHeaders: /^(x-fal-|x-app-fal-)/,
  failures: {
    bad_key: () =>
      says(401, 'Cannot access application. Authentication is required to access this application.'),
    no_credit: () =>
      says(403, 'User is locked. Reason: Exhausted balance. Top up your balance at the dashboard.'),
    unknown_model: (detail) => says(404, `Application "${detail}" not found`),
    unknown_job: () => says(404, 'Request not found'),
    validation: (detail) =>
      says(422, [{ loc: ['body', detail], msg: 'field required', type: 'missing', input: {} }]),
    rate_limited: () => says(429, 'Concurrent requests limit reached', 'concurrent_requests_limit'),
    server_error: () => says(500, 'Internal Server Error'),
    unknown_route: () => says(404, 'Path not found'),
  },
  quirks: {
    cancel_409: 'a cancel that comes too late is answered with 409 instead of 400',
  },
  routes: (emulator) => [...platformRoutes(emulator), ...queueRoutes(emulator)],
};

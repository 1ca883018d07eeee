import type { Answer, EmulatorDefinition } from '../kit/index.ts';
import { controlRoutes } from './control-routes.ts';
import { graphqlRoutes } from './graphql-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { queueRoutes } from './queue-routes.ts';

function failure(status: number, error: string): Answer {
  return { status, body: { error } };
}

/** Serverless runtime, control plane (both versions) and GraphQL, after the platform's documents of August 2026. */
export const runpodEmulator: EmulatorDefinition = {
  slug: 'runpod',
  title: 'Runpod',
  bases: ['rest', 'rest1', 'graphql', 'account'],
  keyPrefix: 'rpa_emulated',
  // The official client's own.
  clientHeaders: /^(x-runpod-)/,
  failures: {
    bad_key: () => failure(401, 'Unauthorized'),
    no_credit: () => failure(402, 'Insufficient balance to run this request.'),
    unknown_model: (detail) => failure(404, `endpoint not found: ${detail}`),
    unknown_job: (detail) => failure(404, `job not found: ${detail}`),
    validation: (detail) => failure(400, `Invalid parameter: ${detail}`),
    rate_limited: () => failure(429, 'Too many requests'),
    server_error: () => failure(500, 'Internal server error'),
    unknown_route: () => failure(404, '404 page not found'),
  },
  quirks: {
    error_in_output: 'a COMPLETED job whose output is the error that its handler returned',
    failed_body: 'a public endpoint refuses an input with 400 and the body of a failed job',
    error_object: "a failed job's error is the JSON of the worker's exception",
    running_word: 'RUNNING instead of IN_PROGRESS',
    bare_stream: '/stream answers a bare list, as the reference shows it, instead of an object with a status',
    whole_output: 'the output of a job that streamed is only at /stream (no return_aggregate_stream)',
    slow_runsync: '/runsync answers before the job has ended',
    rest_v2_gone: 'version 2 of the control plane does not know this account (404)',
  },
  routes: (emulator) => [
    ...jobRoutes(emulator),
    ...queueRoutes(emulator),
    ...controlRoutes(emulator),
    ...graphqlRoutes(emulator),
  ],
};

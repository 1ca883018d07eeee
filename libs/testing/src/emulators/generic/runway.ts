import { z } from 'zod';
import type { EmulatedJob, Emulator, EmulatorDefinition } from '../kit/index.ts';

const words = {
  queued: 'PENDING',
  running: 'RUNNING',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  expired: 'FAILED',
  unknown: 'REHEARSING',
} as const;

const Body = z.strictObject({
  model: z.literal('gen4_turbo'),
  promptImage: z.string().min(1),
  promptText: z.string().optional(),
  ratio: z.string(),
  duration: z.union([z.literal(5), z.literal(10)]).optional(),
  seed: z.int().optional(),
});

const says = (status: number, error: string, more: object = {}) => ({ status, body: { error, ...more } });

/** Runway's API of 2024-11-06, as @runwayml/sdk 4.20.1 uses it. */
export const runwayEmulator: EmulatorDefinition = {
  slug: 'runway',
  title: 'Runway',
  keyPrefix: 'key_emulated-',
  headers: ['x-runway-version'],
  clientHeaders: /^x-stainless-/,
  failures: {
    bad_key: () => says(401, 'The API key that was provided is not valid.'),
    no_credit: () => says(400, 'You do not have enough credits to run this task.'),
    unknown_model: () => says(404, 'Not found'),
    unknown_job: () => says(404, 'Task not found'),
    validation: (detail) =>
      says(400, 'Validation of body failed', { issues: [{ path: ['promptImage'], message: detail }] }),
    rate_limited: () => says(429, 'Too many requests'),
    server_error: () => says(500, 'Internal error'),
    unknown_route: () => says(404, 'Not found'),
  },
  routes: (emulator) => [
    {
      method: 'POST',
      path: '/v1/image_to_video',
      kind: 'submit',
      body: Body,
      handle({ headers, body }) {
        if (headers['x-runway-version'] !== '2024-11-06')
          throw emulator.refusal('validation', 'X-Runway-Version');
        // as: parsed by the route's schema.
        const { model, ...input } = body as z.infer<typeof Body>;
        return { id: emulator.createJob({ id: emulator.uuid(), model, input }).id };
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks/:id',
      kind: 'status',
      handle: ({ params }) => toTask(emulator, emulator.stepJob(params.id ?? '')),
    },
    {
      method: 'DELETE',
      path: '/v1/tasks/:id',
      kind: 'cancel',
      handle({ params, reply }) {
        const job = emulator.peekJob(params.id ?? '');
        if (job.state === 'queued' || job.state === 'running') job.state = 'cancelled';
        reply.hijack();
        reply.raw.writeHead(204).end();
        return undefined;
      },
    },
    { method: 'GET', path: '/v1/organization', kind: 'probe', handle: () => ({ creditBalance: 100 }) },
  ],
};

function toTask(emulator: Emulator, job: EmulatedJob): unknown {
  const output = () => Array.from({ length: job.outputs }, () => emulator.makeFile(job, 'video').url);
  return {
    id: job.id,
    status: words[job.state],
    createdAt: new Date(job.createdAt).toISOString(),
    ...(job.state === 'running' && { progress: 0.4 }),
    ...(job.state === 'succeeded' && { output: output() }),
    ...(job.state === 'failed' && {
      failure: job.failure.message,
      failureCode: job.failure.kind === 'content' ? 'SAFETY.INPUT.TEXT' : 'INTERNAL.BAD_OUTPUT.CODE01',
    }),
  };
}

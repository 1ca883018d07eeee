import { z } from 'zod';
import type { EmulatedJob, Emulator, EmulatorDefinition } from '../kit/index.ts';

const words = {
  queued: 'Pending',
  running: 'Pending',
  succeeded: 'Ready',
  failed: 'Error',
  cancelled: 'Error',
  expired: 'Task not found',
  unknown: 'Warming up',
} as const;

const Body = z.strictObject({
  prompt: z.string().min(1),
  width: z.int().optional(),
  height: z.int().optional(),
  seed: z.int().optional(),
  prompt_upsampling: z.boolean().optional(),
  safety_tolerance: z.int().optional(),
  output_format: z.enum(['jpeg', 'png']).optional(),
  input_image: z.string().optional(),
  aspect_ratio: z.string().optional(),
});

const says = (status: number, detail: unknown) => ({ status, body: { detail } });

/** Black Forest Labs, as the AI SDK's provider and docs.bfl.ml have it: the job is polled where the reply says. */
export const bflEmulator: EmulatorDefinition = {
  slug: 'bfl',
  title: 'Black Forest Labs',
  readKey: (headers) => headers['x-key'],
  authorization: (key) => ({ 'x-key': key }),
  headers: ['x-key'],
  failures: {
    bad_key: () => says(403, 'Not authenticated'),
    no_credit: () => says(402, 'Insufficient credits'),
    unknown_model: () => says(404, 'Not Found'),
    unknown_job: () => ({ status: 404, body: { status: 'Task not found' } }),
    validation: (detail) =>
      says(422, [{ loc: ['body', 'prompt'], msg: detail || 'Field required', type: 'missing' }]),
    rate_limited: () => says(429, 'Too many requests'),
    server_error: () => says(500, 'Internal server error'),
    unknown_route: () => says(404, 'Not Found'),
  },
  routes: (emulator) => [
    {
      method: 'GET',
      path: '/get_result',
      kind: 'status',
      query: ['id'],
      handle({ query }) {
        const job = emulator.stepJob(String(query.id));
        return { id: job.id, status: wordOf(job), progress: null, result: resultOf(emulator, job) };
      },
    },
    {
      method: 'POST',
      path: '/:model',
      kind: 'submit',
      body: Body,
      handle({ params, body }) {
        // as: parsed by the route's schema.
        const input = body as Record<string, unknown>;
        const job = emulator.createJob({ id: emulator.uuid(), model: params.model ?? '', input });
        return { id: job.id, polling_url: emulator.url(`/get_result?id=${job.id}`), cost: 4 };
      },
    },
  ],
};

function wordOf({ state, failure }: EmulatedJob): string {
  return state === 'failed' && failure.kind === 'content' ? 'Content Moderated' : words[state];
}

function resultOf(emulator: Emulator, job: EmulatedJob): unknown {
  return job.state === 'succeeded' ? { sample: emulator.makeFile(job, 'image').url, seed: 7 } : null;
}

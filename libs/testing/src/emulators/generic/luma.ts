import { z } from 'zod';
import type { EmulatedJob, EmulatedRoute, Emulator, EmulatorDefinition } from '../kit/index.ts';

const words = {
  queued: 'queued',
  running: 'dreaming',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'failed',
  expired: 'failed',
  unknown: 'imagining',
} as const;

const Body = z.strictObject({
  prompt: z.string().min(3),
  model: z.string(),
  aspect_ratio: z.string().optional(),
  resolution: z.string().optional(),
  duration: z.string().optional(),
  loop: z.boolean().optional(),
});

const says = (status: number, detail: unknown) => ({ status, body: { detail } });

/** Luma's Dream Machine, as lumaai 1.19.1 uses it. */
export const lumaEmulator: EmulatorDefinition = {
  slug: 'luma',
  title: 'Luma',
  keyPrefix: 'luma-emulated-',
  clientHeaders: /^x-stainless-/,
  failures: {
    bad_key: () => says(403, 'Not authenticated'),
    no_credit: () => says(400, 'Insufficient credits'),
    unknown_model: () => says(404, 'Model not found'),
    unknown_job: () => says(404, 'Generation not found'),
    validation: (detail) => says(422, [{ loc: ['body', 'prompt'], msg: detail, type: 'value_error' }]),
    rate_limited: () => says(429, 'Rate limited'),
    server_error: () => says(500, 'Internal error'),
    unknown_route: () => says(404, 'Not found'),
  },
  routes: (emulator) => [
    submitRoute(emulator, 'video'),
    submitRoute(emulator, 'image'),
    {
      method: 'GET',
      path: '/generations/:id',
      kind: 'status',
      handle: ({ params }) => toGeneration(emulator, emulator.stepJob(params.id ?? '')),
    },
  ],
};

function submitRoute(emulator: Emulator, type: 'video' | 'image'): EmulatedRoute {
  return {
    method: 'POST',
    path: `/generations/${type}`,
    kind: 'submit',
    body: Body,
    handle({ body }) {
      // as: parsed by the route's schema.
      const { model, ...input } = body as z.infer<typeof Body>;
      return toGeneration(
        emulator,
        emulator.createJob({ id: emulator.uuid(), model, input, extra: { type } }),
      );
    },
  };
}

function toGeneration(emulator: Emulator, job: EmulatedJob): unknown {
  const type = job.extra.type === 'image' ? 'image' : 'video';
  return {
    id: job.id,
    generation_type: type,
    state: words[job.state],
    failure_reason: job.state === 'failed' ? job.failure.message : null,
    created_at: new Date(job.createdAt).toISOString(),
    assets: job.state === 'succeeded' ? { [type]: emulator.makeFile(job, type).url } : null,
    model: job.model,
    request: { ...job.input },
  };
}

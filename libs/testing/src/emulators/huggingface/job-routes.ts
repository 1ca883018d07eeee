import { z } from 'zod';
import type { EmulatedCall, EmulatedJob, EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';

const falWords = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  succeeded: 'COMPLETED',
  failed: 'COMPLETED',
  cancelled: 'COMPLETED',
  expired: 'COMPLETED',
  unknown: 'WARMING',
} as const;
const replicateWords = {
  queued: 'starting',
  running: 'processing',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'canceled',
  expired: 'failed',
  unknown: 'pausing',
} as const;
const waveWords = {
  queued: 'created',
  running: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'failed',
  unknown: 'waiting',
} as const;

const Input = z.record(z.string(), z.unknown());
const Wrapped = z.strictObject({ input: Input });

/** Of fal, Replicate and WaveSpeed, below the router. */
export function jobRoutes(emulator: Emulator): EmulatedRoute[] {
  return [...falRoutes(emulator), ...replicateRoutes(emulator), ...waveSpeedRoutes(emulator)];
}

function falRoutes(emulator: Emulator): EmulatedRoute[] {
  const query = ['_subdomain'];
  return [
    {
      method: 'POST',
      path: '/fal-ai/*',
      kind: 'submit',
      query,
      body: Input,
      handle({ params, body, query: asked }) {
        if (asked._subdomain !== 'queue') throw emulator.refusal('unknown_route');
        const model = params['*'] ?? '';
        const job = create(emulator, { id: emulator.uuid(), model, body });
        // fal answers with addresses of its own queue; a client uses their path alone.
        const [owner, app] = model.split('/');
        const at = `https://queue.fal.run/${owner}/${app}/requests/${job.id}`;
        return {
          request_id: job.id,
          status: 'IN_QUEUE',
          response_url: at,
          status_url: `${at}/status`,
          cancel_url: `${at}/cancel`,
          queue_position: 2,
        };
      },
    },
    {
      method: 'GET',
      path: '/fal-ai/:owner/:app/requests/:id/status',
      kind: 'status',
      query,
      handle({ params }) {
        const job = emulator.stepJob(params.id ?? '');
        const body = {
          status: falWords[job.state],
          request_id: job.id,
          queue_position: job.state === 'queued' ? 1 : null,
        };
        if (body.status === 'COMPLETED') return body;
        throw new Refusal({ status: 202, body });
      },
    },
    {
      method: 'GET',
      path: '/fal-ai/:owner/:app/requests/:id',
      kind: 'result',
      query,
      handle({ params }) {
        const job = emulator.peekJob(params.id ?? '');
        if (job.state === 'succeeded') {
          const { url, contentType } = emulator.makeFile(job, mediumOf(job));
          return { images: [{ url, content_type: contentType }], seed: 1 };
        }
        const type = job.failure.kind === 'content' ? 'content_policy_violation' : 'value_error';
        throw new Refusal({
          status: 422,
          body: { detail: [{ loc: ['body'], msg: job.failure.message, type }] },
        });
      },
    },
  ];
}

function replicateRoutes(emulator: Emulator): EmulatedRoute[] {
  const at = 'https://api.replicate.com/v1/predictions';
  const view = (job: EmulatedJob) => ({
    id: job.id,
    model: job.model,
    version: 'hidden',
    created_at: new Date(job.createdAt).toISOString(),
    // As with fal: addresses of its own, which are not for whoever came through the router.
    urls: { get: `${at}/${job.id}`, cancel: `${at}/${job.id}/cancel` },
    status: replicateWords[job.state],
    output: job.state === 'succeeded' ? [emulator.makeFile(job, mediumOf(job)).url] : null,
    error: job.state === 'failed' ? job.failure.message : null,
  });
  return [
    {
      method: 'POST',
      path: '/replicate/v1/models/:owner/:name/predictions',
      kind: 'submit',
      body: Wrapped,
      handle({ params, body }) {
        const model = `${params.owner}/${params.name}`;
        const job = create(emulator, { id: emulator.id('', 26), model, body });
        throw new Refusal({ status: 201, body: view(job) });
      },
    },
    {
      method: 'GET',
      path: '/replicate/v1/predictions/:id',
      kind: 'status',
      handle: ({ params }) => view(emulator.stepJob(params.id ?? '')),
    },
  ];
}

function waveSpeedRoutes(emulator: Emulator): EmulatedRoute[] {
  const view = (job: EmulatedJob) => ({
    code: 200,
    message: 'success',
    data: {
      id: job.id,
      model: job.model,
      urls: { get: `https://api.wavespeed.ai/api/v3/predictions/${job.id}/result` },
      created_at: new Date(job.createdAt).toISOString(),
      status: waveWords[job.state],
      outputs: job.state === 'succeeded' ? [emulator.makeFile(job, mediumOf(job)).url] : [],
      error: job.state === 'failed' ? job.failure.message : '',
    },
  });
  return [
    {
      method: 'POST',
      path: '/wavespeed/api/v3/*',
      kind: 'submit',
      body: Input,
      handle: ({ params, body }) =>
        view(create(emulator, { id: emulator.id('', 32), model: params['*'] ?? '', body })),
    },
    {
      method: 'GET',
      path: '/wavespeed/api/v3/predictions/:id/result',
      kind: 'status',
      handle: ({ params }) => view(emulator.stepJob(params.id ?? '')),
    },
  ];
}

function create(
  emulator: Emulator,
  { id, model, body }: { id: string; model: string; body: EmulatedCall['body'] },
): EmulatedJob {
  // as: parsed by the route's schema.
  return emulator.createJob({ id, model, input: body as Record<string, unknown> });
}

function mediumOf({ model }: EmulatedJob): 'image' | 'video' {
  return /wan|video/.test(model) ? 'video' : 'image';
}

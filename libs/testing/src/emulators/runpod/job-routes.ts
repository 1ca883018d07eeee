import { z } from 'zod';
import type { EmulatedCall, EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { findEndpoint } from './endpoints.ts';
import { runpodTokens, toJobView, tokenChunk, wordOf } from './job-view.ts';

const RunBody = z.strictObject({
  input: z.record(z.string(), z.unknown()),
  webhook: z.url().optional(),
  policy: z
    .strictObject({
      executionTimeout: z.int().min(5_000).max(604_800_000).optional(),
      lowPriority: z.boolean().optional(),
      ttl: z.int().min(10_000).max(604_800_000).optional(),
    })
    .optional(),
  s3Config: z
    .strictObject({
      accessId: z.string(),
      accessSecret: z.string(),
      bucketName: z.string(),
      endpointUrl: z.string(),
      objectPath: z.string().optional(),
    })
    .optional(),
});
type RunBody = z.infer<typeof RunBody>;

/** The jobs of a queue-based endpoint. */
export function jobRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/:endpoint/run',
      kind: 'submit',
      body: RunBody,
      handle(call) {
        const job = createJob(emulator, call, emulator.uuid());
        return { id: job.id, status: 'IN_QUEUE' };
      },
    },
    {
      method: 'POST',
      path: '/:endpoint/runsync',
      kind: 'submit',
      query: ['wait'],
      body: RunBody,
      handle(call) {
        const job = createJob(emulator, call, `sync-${emulator.uuid()}`);
        return toJobView(
          emulator,
          emulator.quirks.has('slow_runsync') ? emulator.stepJob(job.id) : emulator.endJob(job),
        );
      },
    },
    {
      method: 'GET',
      path: '/:endpoint/status/:job',
      kind: 'status',
      query: ['ttl'],
      handle: ({ params }) => toJobView(emulator, stepJob(emulator, params)),
    },
    {
      method: 'GET',
      path: '/:endpoint/status-sync/:job',
      kind: 'status',
      query: ['wait'],
      handle: ({ params }) => toJobView(emulator, stepJob(emulator, params)),
    },
    {
      method: 'GET',
      path: '/:endpoint/stream/:job',
      kind: 'result',
      query: ['wait'],
      handle: ({ params }) => drain(emulator, params),
    },
    {
      method: 'POST',
      path: '/:endpoint/cancel/:job',
      kind: 'cancel',
      handle({ params }) {
        const job = findJob(emulator, params);
        if (job.state === 'queued' || job.state === 'running') job.state = 'cancelled';
        return { id: job.id, status: wordOf(emulator, job) };
      },
    },
    {
      method: 'POST',
      path: '/:endpoint/retry/:job',
      kind: 'other',
      handle({ params }) {
        const job = findJob(emulator, params);
        if (job.state !== 'failed') throw emulator.refusal('validation', 'only failed jobs can be retried');
        job.state = 'queued';
        job.extra.step = 0;
        return { id: job.id, status: 'IN_QUEUE' };
      },
    },
  ];
}

function createJob(emulator: Emulator, { params, body }: EmulatedCall, id: string) {
  const endpoint = findEndpoint(params.endpoint ?? '');
  if (endpoint === undefined) throw emulator.refusal('unknown_model', params.endpoint);
  // as: parsed by the route's schema.
  const { input, webhook } = body as RunBody;
  if (emulator.quirks.has('failed_body')) {
    const refused = { id, status: 'FAILED', error: 'Invalid parameter: width must be divisible by 64' };
    throw new Refusal({ status: 400, body: refused });
  }
  return emulator.createJob({ id, model: endpoint.id, input, webhookUrl: webhook, extra: { drained: 0 } });
}

function findJob(emulator: Emulator, params: EmulatedCall['params']) {
  const job = emulator.peekJob(params.job ?? '');
  // The job of another endpoint is no job of this one.
  if (job.model !== params.endpoint) throw emulator.refusal('unknown_job', job.id);
  return job;
}

function stepJob(emulator: Emulator, params: EmulatedCall['params']) {
  return emulator.stepJob(findJob(emulator, params).id);
}

/** What was written since the last call; it is gone then. */
function drain(emulator: Emulator, params: EmulatedCall['params']): unknown {
  const job = stepJob(emulator, params);
  const isText = findEndpoint(job.model)?.worker === 'text';
  const written = !isText || job.state === 'queued' ? 0 : job.state === 'running' ? 2 : runpodTokens.length;
  const from = Number(job.extra.drained);
  job.extra.drained = Math.max(from, written);
  const stream = runpodTokens.slice(from, written).map((text) => ({ output: tokenChunk(text) }));
  return emulator.quirks.has('bare_stream') ? stream : { status: wordOf(emulator, job), stream };
}

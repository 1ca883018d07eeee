import { z } from 'zod';
import type { Answer, EmulatedCall, EmulatedJob, EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { sendEvents } from '../kit/send-events.ts';
import { findModelRunnerModel, modelrunnerModels } from './models.ts';

const Metadata = z.record(z.string().min(1).max(64), z.string().max(512));
const Body = z.looseObject({
  metadata: Metadata.refine((it) => Object.keys(it).length <= 16).optional(),
  webhook: z.url().optional(),
  webhook_events_filter: z.array(z.enum(['start', 'completed'])).optional(),
  public: z.boolean().optional(),
});

const words: Readonly<Record<EmulatedJob['state'], string>> = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  expired: 'EXPIRED',
  unknown: 'WARMING_UP',
};

/** The queue. Models have paths of two parts and more, so that one route takes them all. */
export function queueRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/*',
      kind: 'submit',
      headers: ['x-modelrunner-queue-priority', 'x-modelrunner-store-io', 'x-modelrunner-hint'],
      body: Body,
      handle: (call) => take(emulator, call),
    },
    ...recordRoutes(emulator),
    ...readRoutes(emulator, '/:owner/:alias'),
    ...readRoutes(emulator, '/:owner/:alias/:part'),
  ];
}

/** The account's requests with what they cost: on the host of the queue. */
function recordRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      path: '/requests',
      kind: 'other',
      query: ['status', 'modelEndpoint', 'deploymentId', 'metadata', 'page', 'limit'],
      handle({ query: { status, modelEndpoint, metadata, page = '1', limit = '10' } }) {
        const wanted = Object.entries(JSON.parse(String(metadata ?? '{}')));
        const data = [...emulator.jobs.values()]
          .filter(({ extra }) =>
            // as: the submit has checked that it is such a map.
            wanted.every(([name, value]) => (extra.metadata as Record<string, string>)[name] === value),
          )
          .map((job) => toRequestItem(emulator, job))
          .filter((item) => status === undefined || item.status === status)
          .filter((item) => modelEndpoint === undefined || item.modelEndpoint === modelEndpoint)
          .reverse();
        const from = (Number(page) - 1) * Number(limit);
        const totalPages = Math.max(1, Math.ceil(data.length / Number(limit)));
        return {
          page: Number(page),
          limit: Number(limit),
          total: data.length,
          totalPages,
          data: data.slice(from, from + Number(limit)),
        };
      },
    },
    {
      method: 'GET',
      path: '/requests/:id',
      kind: 'other',
      handle({ params: { id = '' } }) {
        const example = modelrunnerModels.find(({ examples }) => examples.some((known) => known === id));
        if (example !== undefined) return toExample(example, id);
        return toRequestItem(emulator, emulator.peekJob(id));
      },
    },
  ];
}

function toExample({ ownerName, alias }: (typeof modelrunnerModels)[number], id: string): object {
  return {
    id,
    modelEndpoint: `${ownerName}/${alias}`,
    status: 'COMPLETED',
    billingStatus: 'charged',
    totalPrice: '0.00420000',
    public: true,
    input: { prompt: 'a lighthouse at dusk' },
    output: ['https://example.com/lighthouse.png'],
    createdAt: '2026-01-01T00:00:00.000Z',
  };
}

function readRoutes(emulator: Emulator, model: string): EmulatedRoute[] {
  const at = `${model}/requests/:id`;
  return [
    {
      method: 'GET',
      path: `${at}/status`,
      kind: 'status',
      query: ['logs'],
      handle({ params }) {
        const job = stepJob(emulator, params);
        const body = toStatus(emulator, job);
        const isBadRequest = body.status === 'FAILED' && !emulator.quirks.has('failed_200');
        if (isBadRequest) throw new Refusal({ status: 400, body });
        return body;
      },
    },
    {
      method: 'GET',
      path: `${at}/status/stream`,
      kind: 'status',
      handle: ({ params, reply }) => sendEvents(reply, statesOf(emulator, params)),
    },
    {
      method: 'GET',
      path: at,
      kind: 'result',
      handle: ({ params }) => toResult(emulator, emulator.peekJob(params.id ?? '')),
    },
    {
      method: 'PUT',
      path: `${at}/cancel`,
      kind: 'cancel',
      // It says what the state is, and changes nothing.
      handle: ({ params }) => toStatus(emulator, emulator.peekJob(params.id ?? '')),
    },
  ];
}

function take(emulator: Emulator, { params, body }: EmulatedCall): unknown {
  const path = params['*'] ?? '';
  const model = findModelRunnerModel(path);
  if (model === undefined) throw emulator.refusal('unknown_model', path);
  if (model.makes === 'text') {
    throw new Refusal({ status: 400, body: { error: 'Language models are served by chat completions.' } });
  }
  // as: parsed by the route's schema.
  const { metadata = {}, webhook, ...input } = body as z.infer<typeof Body>;
  const missing = model.required.find((name) => input[name] === undefined);
  if (missing !== undefined) throw emulator.refusal('validation', missing);
  const id = emulator.id('', 21);
  const job = emulator.createJob({ id, model: path, input, webhookUrl: webhook, extra: { metadata } });
  throw new Refusal({ status: 201, body: toStatus(emulator, job, true) });
}

function toStatus(emulator: Emulator, job: EmulatedJob, isNew = false) {
  const url = emulator.url(`/${job.model}/requests/${job.id}`);
  const hasFailed = job.state === 'failed' && !emulator.quirks.has('failed_as_completed');
  return {
    status: job.state === 'failed' && !hasFailed ? 'COMPLETED' : words[job.state],
    request_id: job.id,
    response_url: url,
    status_url: isNew ? `${url}/status` : '',
    cancel_url: isNew ? `${url}/cancel` : '',
    logs: '',
    metrics: { inference_time: 0 },
    queue_position: 0,
    ...(hasFailed && { error: job.failure.message }),
  };
}

function stepJob(emulator: Emulator, { id = '', owner, alias, part }: EmulatedCall['params']): EmulatedJob {
  const job = emulator.peekJob(id);
  const model = [owner, alias, part].filter((it) => it !== undefined).join('/');
  if (job.model !== model) throw emulator.refusal('unknown_job', id);
  return emulator.stepJob(id);
}

function statesOf(emulator: Emulator, params: EmulatedCall['params']): unknown[] {
  const events: unknown[] = [];
  for (let steps = 0; steps < 20; steps++) {
    const job = stepJob(emulator, params);
    events.push(toStatus(emulator, job));
    if (['succeeded', 'failed', 'cancelled'].includes(job.state)) break;
  }
  return events;
}

/** `RequestItem`: what the list and the record of a request say, its price among it. */
function toRequestItem(emulator: Emulator, job: EmulatedJob): Record<string, unknown> {
  const isOver = ['succeeded', 'failed', 'cancelled'].includes(job.state);
  const ended = job.state === 'succeeded' ? (job.failedOutputs > 0 ? 'partial' : 'charged') : 'failed';
  const billingStatus = isOver ? ended : 'pending';
  return {
    ...toResultBody(emulator, job),
    targetKind: 'model',
    requestedModelEndpoint: null,
    billingStatus,
    ...(isOver && { totalPrice: job.state === 'succeeded' ? '0.00420000' : '0.00000000' }),
    public: false,
    metadata: job.extra.metadata,
    thumbnails: [],
    wrapperId: null,
    baseModelId: null,
    baseModelEndpoint: null,
    user: { id: 'user_1' },
  };
}

/** `GetResultResponse`: it says nothing of money. */
function toResultBody(emulator: Emulator, job: EmulatedJob): Record<string, unknown> {
  return {
    id: job.id,
    modelEndpoint: job.model,
    status: job.state === 'failed' ? 'COMPLETED' : words[job.state],
    input: job.input,
    output: job.state === 'succeeded' ? toOutput(emulator, job) : null,
    createdAt: new Date(job.createdAt).toISOString(),
    updatedAt: new Date(job.createdAt).toISOString(),
    inferenceTime: 1.5,
    delayTime: 0.2,
    ...(job.state === 'failed' && { error: job.failure.message }),
  };
}

function toResult(emulator: Emulator, job: EmulatedJob): unknown {
  if (job.state === 'succeeded') return toResultBody(emulator, job);
  const refuse = (answer: Answer) => new Refusal(answer);
  if (job.state === 'failed')
    throw refuse({ status: 422, body: { error: job.failure.message, request_id: job.id } });
  throw refuse({ status: 409, body: { error: 'Request is not completed', request_id: job.id } });
}

function toOutput(emulator: Emulator, job: EmulatedJob): unknown {
  const makes = findModelRunnerModel(job.model)?.makes === 'video' ? 'video' : 'image';
  const made = Math.max(0, job.outputs - job.failedOutputs);
  const files = Array.from({ length: made }, () => ({ url: emulator.makeFile(job, makes).url }));
  return makes === 'image' ? { images: files } : { video: files[0] };
}

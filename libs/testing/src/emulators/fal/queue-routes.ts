import { z } from 'zod';
import type { Answer, EmulatedCall, EmulatedJob, EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { sendEvents } from '../kit/send-events.ts';
import { findFalModel } from './models.ts';

const Input = z.record(z.string(), z.unknown());
const words: Readonly<Record<string, string>> = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  unknown: 'WARMING',
};
const requestHeaders = [
  'x-fal-queue-priority',
  'x-fal-request-timeout',
  'x-fal-runner-hint',
  'x-fal-object-lifecycle-preference',
  'x-fal-store-io',
  'x-fal-no-retry',
];

/** The queue: a request, its state, its result. */
export function queueRoutes(emulator: Emulator): EmulatedRoute[] {
  const at = '/:owner/:app/requests/:id';
  return [
    {
      method: 'POST',
      path: '/*',
      kind: 'submit',
      query: ['fal_webhook', 'fal_max_queue_length'],
      headers: requestHeaders,
      body: Input,
      handle: (call) => take(emulator, call),
    },
    {
      method: 'GET',
      path: `${at}/status`,
      kind: 'status',
      query: ['logs'],
      handle({ params }) {
        const answer = toStatus(emulator, stepJob(emulator, params));
        if (answer.status === 200) return answer.body;
        throw new Refusal(answer);
      },
    },
    {
      method: 'GET',
      path: `${at}/status/stream`,
      kind: 'status',
      query: ['logs', 'fal_jwt_token'],
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
      handle({ params }) {
        const job = emulator.peekJob(params.id ?? '');
        if (!['queued', 'running'].includes(job.state)) {
          throw new Refusal({
            status: emulator.quirks.has('cancel_409') ? 409 : 400,
            body: { status: 'ALREADY_COMPLETED' },
          });
        }
        job.state = 'cancelled';
        throw new Refusal({ status: 202, body: { status: 'CANCELLATION_REQUESTED' } });
      },
    },
  ];
}

function take(emulator: Emulator, { params, query, body }: EmulatedCall): unknown {
  const path = params['*'] ?? '';
  const model = findFalModel(path);
  if (model === undefined) throw emulator.refusal('unknown_model', path);
  // as: parsed by the route's schema.
  const input = body as z.infer<typeof Input>;
  const missing = model.required.find((name) => input[name] === undefined);
  if (missing !== undefined) throw emulator.refusal('validation', missing);
  const webhookUrl = typeof query.fal_webhook === 'string' ? query.fal_webhook : undefined;
  const job = emulator.createJob({ id: emulator.uuid(), model: path, input, webhookUrl });
  return { status: 'IN_QUEUE', ...addressesOf(emulator, job), queue_position: 0 };
}

/** Owner and app only: the rest of the model's path is not in them. */
function addressesOf(emulator: Emulator, { id, model }: EmulatedJob) {
  const [owner, app] = model.split('/');
  const url = emulator.url(`/${owner}/${app}/requests/${id}`);
  return { request_id: id, response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

function stepJob(emulator: Emulator, { owner, app, id = '' }: EmulatedCall['params']): EmulatedJob {
  const job = emulator.peekJob(id);
  if (!job.model.startsWith(`${owner}/${app}/`) && job.model !== `${owner}/${app}`) {
    throw emulator.refusal('unknown_job', id);
  }
  return emulator.stepJob(id);
}

function toStatus(emulator: Emulator, job: EmulatedJob): Answer {
  const status = words[job.state];
  const about = addressesOf(emulator, job);
  if (status === undefined) {
    return {
      status: 200,
      body: { status: 'COMPLETED', ...about, logs: [], metrics: { inference_time: 0.4 } },
    };
  }
  const queued = job.state === 'queued' ? { queue_position: 2 } : {};
  const line = { message: 'Step 3 of 8', level: 'INFO', source: 'USER', timestamp: '2026-01-01T00:00:00Z' };
  const logs = job.state === 'queued' ? {} : { logs: [line] };
  return { status: 202, body: { status, ...about, ...queued, ...logs } };
}

function statesOf(emulator: Emulator, params: EmulatedCall['params']): unknown[] {
  const events: unknown[] = [];
  for (let steps = 0; steps < 20; steps++) {
    const job = stepJob(emulator, params);
    events.push(toStatus(emulator, job).body);
    if (words[job.state] === undefined) break;
  }
  return events;
}

/** The answer of the model as the whole body, or why there is none. */
function toResult(emulator: Emulator, job: EmulatedJob): unknown {
  if (job.state === 'succeeded') return toAnswer(emulator, job);
  if (job.state === 'failed') throw new Refusal(toFailure(job));
  if (job.state === 'cancelled') {
    throw new Refusal({
      status: 499,
      headers: { 'x-fal-error-type': 'client_cancelled' },
      body: { detail: 'Request was cancelled', error_type: 'client_cancelled' },
    });
  }
  throw new Refusal({ status: 400, body: { detail: 'Request is still in progress' } });
}

function toFailure({ failure: { kind, message } }: EmulatedJob): Answer {
  if (kind === 'generate') {
    const type = 'runner_server_error';
    return {
      status: 500,
      headers: { 'x-fal-error-type': type },
      body: { detail: message, error_type: type },
    };
  }
  const type = kind === 'content' ? 'content_policy_violation' : 'value_error';
  const fault = { loc: ['body', 'prompt'], msg: message, type, input: '' };
  return { status: 422, headers: { 'x-fal-retryable': 'false' }, body: { detail: [fault] } };
}

function toAnswer(emulator: Emulator, job: EmulatedJob): unknown {
  const makes = findFalModel(job.model)?.makes ?? 'image';
  if (makes === 'text') return { output: 'Once upon a time.', reasoning: null };
  const files = Array.from({ length: job.outputs }, () => {
    const { url, contentType } = emulator.makeFile(job, makes);
    return { url, content_type: contentType, file_name: `out.${contentType.split('/')[1]}`, file_size: 68 };
  });
  if (makes === 'image') return { images: files, seed: 7, has_nsfw_concepts: files.map(() => false) };
  return { [makes]: files[0] };
}

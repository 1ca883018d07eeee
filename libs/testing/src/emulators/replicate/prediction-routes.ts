import { z } from 'zod';
import type { EmulatedCall, EmulatedJob, EmulatedRoute, Emulator, JobState } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { findReplicateModel, type ReplicateModel, replicateModels } from './models.ts';

const Body = z.strictObject({
  input: z.record(z.string(), z.unknown()),
  version: z.string().optional(),
  webhook: z.url().optional(),
  webhook_events_filter: z.array(z.enum(['start', 'output', 'logs', 'completed'])).optional(),
});
type Body = z.infer<typeof Body>;

const words: Readonly<Record<JobState, string>> = {
  queued: 'starting',
  running: 'processing',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'canceled',
  expired: 'gone',
  unknown: 'warming',
};
const tokens = ['Once', ' upon', ' a', ' time.'];

export function predictionRoutes(emulator: Emulator): EmulatedRoute[] {
  const submit = { method: 'POST', kind: 'submit', headers: ['prefer'], body: Body } as const;
  return [
    {
      ...submit,
      path: '/models/:owner/:name/predictions',
      handle(call) {
        const path = `${call.params.owner}/${call.params.name}`;
        const model = findReplicateModel(path);
        // Only official models are run by their names.
        if (model?.is_official !== true) throw emulator.refusal('unknown_model', path);
        return take(emulator, call, model);
      },
    },
    {
      ...submit,
      path: '/predictions',
      handle(call) {
        // as: parsed by the route's schema.
        const { version } = call.body as Body;
        const model = replicateModels.find((known) => known.version === version);
        if (model === undefined) throw emulator.refusal('unknown_model', version);
        return take(emulator, call, model);
      },
    },
    {
      method: 'GET',
      path: '/predictions/:id',
      kind: 'status',
      handle: ({ params }) => toPrediction(emulator, emulator.stepJob(params.id ?? '')),
    },
    {
      method: 'GET',
      path: '/predictions',
      kind: 'other',
      query: ['cursor'],
      handle: () => ({
        next: null,
        previous: null,
        results: [...emulator.jobs.values()].map((job) => toPrediction(emulator, job)).reverse(),
      }),
    },
    {
      method: 'POST',
      path: '/predictions/:id/cancel',
      kind: 'cancel',
      handle({ params }) {
        const job = emulator.peekJob(params.id ?? '');
        if (job.state === 'queued' || job.state === 'running') job.state = 'cancelled';
        return toPrediction(emulator, job);
      },
    },
    {
      method: 'GET',
      path: '/stream/:id',
      kind: 'result',
      isOpen: true,
      handle: ({ params, reply }) => stream(emulator, params, reply),
    },
  ];
}

function take(emulator: Emulator, { body, headers }: EmulatedCall, model: ReplicateModel): never {
  // as: parsed by the route's schema.
  const { input, webhook } = body as Body;
  const missing = model.required.find((name) => input[name] === undefined);
  if (missing !== undefined) throw emulator.refusal('validation', missing);
  const path = `${model.owner}/${model.name}`;
  const job = emulator.createJob({ id: emulator.id('', 26), model: path, input, webhookUrl: webhook });
  if (headers.prefer?.startsWith('wait')) emulator.endJob(job);
  throw new Refusal({ status: 201, body: toPrediction(emulator, job) });
}

function toPrediction(emulator: Emulator, job: EmulatedJob) {
  const model = findReplicateModel(job.model);
  const at = emulator.url(`/predictions/${job.id}`);
  const isText = model?.makes === 'text';
  const timeOf = (seconds: number) => new Date(job.createdAt + seconds * 1_000).toISOString();
  const hasStarted = job.state !== 'queued';
  const isOver = ['succeeded', 'failed', 'cancelled'].includes(job.state);
  const isRemoved = emulator.quirks.has('data_removed') && job.state === 'succeeded';
  return {
    id: job.id,
    model: job.model,
    version: model?.is_official ? 'hidden' : model?.version,
    status: job.state === 'cancelled' && emulator.quirks.has('aborted') ? 'aborted' : words[job.state],
    input: isRemoved ? {} : job.input,
    output: job.state === 'succeeded' && !isRemoved ? toOutput(emulator, job) : null,
    error: job.state === 'failed' ? job.failure.message : null,
    logs: job.state === 'running' ? 'Using seed: 7\n 40%|████      | 2/5 [00:01<00:02]' : '',
    metrics: job.state === 'succeeded' ? { predict_time: 0.4, total_time: 0.5 } : {},
    data_removed: isRemoved,
    source: 'api',
    created_at: timeOf(0),
    started_at: hasStarted ? timeOf(0.1) : null,
    completed_at: isOver ? timeOf(0.5) : null,
    urls: { get: at, cancel: `${at}/cancel`, ...(isText && { stream: emulator.url(`/stream/${job.id}`) }) },
  };
}

function toOutput(emulator: Emulator, job: EmulatedJob): unknown {
  const makes = findReplicateModel(job.model)?.makes ?? 'image';
  if (emulator.quirks.has('no_output')) return null;
  if (makes === 'text') return tokens;
  const links = Array.from({ length: job.outputs }, () => emulator.makeFile(job, makes).url);
  return makes === 'image' ? links : links[0];
}

function stream(emulator: Emulator, params: EmulatedCall['params'], reply: EmulatedCall['reply']): undefined {
  const job = emulator.endJob(emulator.peekJob(params.id ?? ''));
  const events = tokens.map((data) => ({ event: 'output', data }));
  const isDone = job.state === 'succeeded';
  const all = [...events, { event: isDone ? 'done' : 'error', data: isDone ? '{}' : '{"detail":"failed"}' }];
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  for (const { event, data } of all) reply.raw.write(`event: ${event}\nid: 1:0\ndata: ${data}\n\n`);
  reply.raw.end();
  return undefined;
}

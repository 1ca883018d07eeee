import { z } from 'zod';
import type { EmulatedCall, EmulatedJob, EmulatedRoute, Emulator, JobState } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { findRunflowModel } from './models.ts';

const Body = z.strictObject({
  input: z.record(z.string(), z.unknown()),
  metadata: z.record(z.string(), z.unknown()).optional(),
  callback_url: z.url().max(2_048).optional(),
  client_ref: z.string().max(255).optional(),
});
type Body = z.infer<typeof Body>;

const words: Readonly<Record<JobState, string>> = {
  queued: 'queued',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'canceled',
  expired: 'gone',
  unknown: 'hibernating',
};

export function runRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/models/*',
      kind: 'submit',
      headers: ['x-organization-id'],
      body: Body,
      handle: (call) => take(emulator, call),
    },
    {
      method: 'GET',
      path: '/runs/:id',
      kind: 'status',
      handle: ({ params }) => toRun(emulator, emulator.stepJob(params.id ?? '')),
    },
    {
      method: 'GET',
      path: '/runs',
      kind: 'other',
      query: ['q', 'fields', 'sort_by', 'limit', 'pq', 'from_prev'],
      handle({ query }) {
        const [, ref] = /^client_ref:(.+)$/.exec(String(query.q ?? '')) ?? [];
        const isFiltered = ref !== undefined && !emulator.quirks.has('no_filter');
        const jobs = [...emulator.jobs.values()].filter(({ clientId }) => !isFiltered || clientId === ref);
        const items = jobs.map((job) => toRun(emulator, job)).reverse();
        return { items: items.slice(0, Number(query.limit ?? 50)), next_pq: null, prev_pq: null };
      },
    },
  ];
}

function take(emulator: Emulator, { params, body }: EmulatedCall): never {
  const [, path = ''] = /^(.+)\/runs$/.exec(params['*'] ?? '') ?? [];
  const model = findRunflowModel(path);
  if (model === undefined) throw emulator.refusal('unknown_model', path);
  // as: parsed by the route's schema.
  const { input, metadata, client_ref: ref, callback_url: webhookUrl } = body as Body;
  const missing = model.inputs.find(({ name, is_required }) => is_required && input[name] === undefined);
  if (missing !== undefined) throw emulator.refusal('validation', missing.name);
  const known = [...emulator.jobs.values()].find((job) => job.clientId === ref && job.model === path);
  // One document says that the same reference is the same run, another one that nothing of the kind holds.
  const job =
    known !== undefined && ref !== undefined && !emulator.quirks.has('not_idempotent')
      ? known
      : emulator.createJob({
          id: emulator.uuid(),
          model: path,
          input,
          webhookUrl,
          clientId: ref,
          extra: { metadata },
        });
  throw new Refusal({ status: 201, body: toRun(emulator, job) });
}

function toRun(emulator: Emulator, job: EmulatedJob) {
  const isPartial = job.state === 'succeeded' && job.failedOutputs > 0;
  const canceled = emulator.quirks.has('two_ls') ? 'cancelled' : 'canceled';
  const word = isPartial ? 'partial_succeeded' : job.state === 'cancelled' ? canceled : words[job.state];
  const isOver = ['succeeded', 'failed'].includes(job.state);
  return {
    id: job.id,
    [emulator.quirks.has('status_field') ? 'status' : 'status_code']: word,
    target_type: 'model',
    model_id: job.model,
    input: job.input,
    output: job.state === 'succeeded' ? toOutput(emulator, job) : null,
    cost: isOver ? '0.3500' : null,
    cost_breakdown: null,
    nodes_total: 4,
    nodes_completed: job.state === 'queued' ? 0 : job.state === 'running' ? 2 : 4,
    batch_id: null,
    client_ref: job.clientId ?? null,
    request_id: null,
    callback_url: job.webhookUrl ?? null,
    metadata: job.extra.metadata ?? {},
    has_logs: false,
    has_node_runs: false,
    ...timesOf(job),
    ...failureOf(job),
    node_runs: [],
    links: { self: `/v1/runs/${job.id}` },
  };
}

function timesOf({ state, createdAt }: EmulatedJob) {
  const timeOf = (ms: number) => new Date(createdAt + ms).toISOString();
  const isOver = ['succeeded', 'failed', 'cancelled'].includes(state);
  return {
    created_at: timeOf(0),
    started_at: state === 'queued' ? null : timeOf(100),
    completed_at: isOver ? timeOf(1_000) : null,
    duration_ms: isOver ? 900 : null,
  };
}

function failureOf(job: EmulatedJob) {
  if (job.state !== 'failed') return { failure_code: null, failure_message: null, failure_stage_code: null };
  return { failure_code: codeOf(job), failure_message: job.failure.message, failure_stage_code: 'execution' };
}

function codeOf({ failure: { kind } }: EmulatedJob): string {
  const codes = {
    generate: 'NODE_FAILED',
    content: 'CONTENT_MODERATION',
    validation: 'INPUT_VALIDATION_FAILED',
    credits: 'INSUFFICIENT_CREDIT',
  };
  return codes[kind];
}

function toOutput(emulator: Emulator, job: EmulatedJob): unknown {
  if (emulator.quirks.has('no_output')) return { outputs: [] };
  const makes = findRunflowModel(job.model)?.makes ?? 'image';
  const made = Math.max(0, job.outputs - job.failedOutputs);
  return {
    outputs: Array.from({ length: made }, () => ({ type: makes, url: emulator.makeFile(job, makes).url })),
  };
}

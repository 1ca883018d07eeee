/** Runs as Runflow's own clients know them: its status words, its run id and its links, made of a run of ours. */
import { type ContentBlock, type ErrorEnvelope, Run, text } from '@inferry/contracts';
import { z } from 'zod';
import { presentRun } from '../present-run.ts';

export const RunflowRun = z.object({
  run_id: z.string().optional().describe('Id of the run at Runflow; ours until it has one'),
  status: z.string().optional().describe('queued, running, succeeded, failed or cancelled'),
  model: z.string().optional().describe('provider/slug'),
  client_ref: z.string().optional().describe('Idempotency key'),
  progress: z.number().optional().describe('0..1'),
  outputs: z
    .array(
      z.object({
        type: z.string().optional().describe('image, video, audio or file'),
        url: z.string().optional().describe('Link'),
        text: z.string().optional().describe('Text of an output without a file'),
      }),
    )
    .optional()
    .describe('Results'),
  cost: z.number().optional().describe('What it cost, in units of currency'),
  currency: z.string().optional().describe('ISO 4217'),
  created_at: z.string().optional().describe('RFC 3339'),
  completed_at: z.string().optional().describe('RFC 3339'),
});
export type RunflowRun = z.infer<typeof RunflowRun>;

/** `provider/slug` of an id of ours; anything else is left as it is. */
export function shortModel(id: string): string {
  return id.startsWith('runflow/') ? id.slice('runflow/'.length) : id;
}

/** What the address of a run at the platform is made of. */
export function runsEndpoint(model: string): string {
  return `/v1/models/${model}/runs`;
}

export function toRunflowRun(run: Run): RunflowRun {
  const { status, model, outputs, cost, progress, created_at: createdAt, finished_at: completedAt } = run;
  const shown: RunflowRun = {
    run_id: run.upstream?.request_id ?? run.run_id,
    status: status === 'expired' ? 'failed' : status,
  };
  if (model !== undefined) shown.model = shortModel(model);
  if (run.client_ref !== undefined) shown.client_ref = run.client_ref;
  if (progress !== undefined) shown.progress = progress;
  if (outputs !== undefined)
    shown.outputs = outputs.map(({ kind, url, text: said }) => toOutput(kind, url, said));
  if (cost?.charged !== undefined) {
    shown.cost = cost.charged;
    if (cost.currency !== undefined) shown.currency = cost.currency;
  }
  if (createdAt !== undefined) shown.created_at = createdAt;
  if (completedAt !== undefined) shown.completed_at = completedAt;
  return shown;
}

function toOutput(type: string | undefined, url: string | undefined, said: string | undefined) {
  return {
    ...(type === undefined ? {} : { type }),
    ...(url === undefined ? {} : { url }),
    ...(said === undefined ? {} : { text: said }),
  };
}

export function presentRunflowRun(run: Run): ContentBlock[] {
  const { next_action: _next, ...rest } = run;
  const { run_id: id = run.run_id, model } = toRunflowRun(run);
  return presentRun({ ...rest, run_id: id, ...(model === undefined ? {} : { model }) });
}

/** An error with the run that it is about, if it is about one, as Runflow's clients know it. */
export function withRunflowRun(error: ErrorEnvelope): ErrorEnvelope {
  const run = Run.safeParse(error.details?.run);
  if (!run.success) return error;
  const shown = toRunflowRun(run.data);
  const ours = ` Run ${run.data.run_id}.`;
  return {
    ...error,
    message: error.message.replace(ours, ` Run ${shown.run_id}.`),
    details: { ...error.details, run: shown },
  };
}

/** The run went on for longer than was waited (RF-28, RF-30, RF-63). */
export function pollingTimeout(run: Run, ref: string | undefined): ErrorEnvelope {
  const shown = toRunflowRun(run);
  return {
    code: 'polling_timeout',
    message: `Run ${shown.run_id} has not ended within the time that this call may wait. It goes on.`,
    retryable: true,
    next_action:
      ref === undefined
        ? `It cannot be resumed here without a client_ref: read it with GET /v1/runs/${shown.run_id} of the REST API.`
        : `Call generate again with the same model and client_ref ${JSON.stringify(ref)}: it returns this run and charges nothing twice.`,
    details: { run: shown },
  };
}

export function replayedLine(replayed: boolean | undefined): ContentBlock[] {
  return replayed === true ? [text('Same client_ref: this is the existing run.')] : [];
}

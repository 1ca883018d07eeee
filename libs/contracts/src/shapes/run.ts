import { z } from 'zod';
import { currency, dateTime, jsonObject } from './basics.ts';

export const runStatuses = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
export const RunStatus = z.enum(runStatuses);
export type RunStatus = z.infer<typeof RunStatus>;

export function isTerminal(status: RunStatus): boolean {
  return status !== 'queued' && status !== 'running';
}

export const RunOutput = z.object({
  index: z.int().optional().describe('Position'),
  kind: z.string().optional().describe('image, video, audio, text, 3d, file, json'),
  url: z.string().optional().describe('Link'),
  mime_type: z.string().optional().describe('MIME'),
  bytes: z.int().optional().describe('Size'),
  asset_id: z.string().optional().describe('Stable id; survives upstream URL expiry'),
  expires_at: z.string().optional().describe('When url stops working'),
  text: z.string().optional().describe('Inline text, truncated'),
  truncated: z.boolean().optional().describe('More via get_run offset'),
});
export type RunOutput = z.infer<typeof RunOutput>;

export const RunCost = z.object({
  currency: currency.optional(),
  estimated: z.number().optional().describe('Quote before the run'),
  reserved: z.number().optional().describe('Held from the budget'),
  charged: z.number().optional().describe('Settled amount'),
  assumed: z.number().optional().describe('Counted by budgets while the charge is not known'),
  over_quote: z.number().optional().describe('Charged beyond the signed quote'),
  unknown: z.boolean().optional().describe('True when nobody tells what it cost'),
});
export type RunCost = z.infer<typeof RunCost>;

/** One inference as clients see it. */
export const Run = z.object({
  run_id: z.string().describe('Opaque, stable handle'),
  status: RunStatus.describe('Lifecycle'),
  model: z.string().optional().describe('Model'),
  wrapper: z.string().optional().describe('Wrapper that made its input'),
  client_ref: z.string().optional().describe('Idempotency key'),
  progress: z.number().optional().describe('0..1'),
  queue_position: z.int().optional().describe('If the provider reports one'),
  created_at: dateTime.optional(),
  finished_at: dateTime.optional(),
  outputs: z.array(RunOutput).optional().describe('Results'),
  notes: z.array(z.string()).optional().describe('What to know of the outputs: cut, flagged, missing'),
  cost: RunCost.optional(),
  next_action: z.string().optional().describe('What to call next, e.g. get_run(run_id, wait_seconds=25)'),
  upstream: z
    .object({
      provider: z.string().optional().describe('Provider'),
      request_id: z.string().optional().describe('Provider id'),
      status: z.string().optional().describe('Raw status'),
    })
    .optional(),
});
export type Run = z.infer<typeof Run>;

export const Metadata = jsonObject;

import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineRpc } from '../operation.ts';
import { usageBuckets } from '../operations/get-account.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Quote } from '../shapes/model.ts';
import { RunOutput } from '../shapes/run.ts';

const UsageTotals = z.object({
  runs: z.int(),
  /** What is known, and what is assumed where nobody knows whether it was charged. */
  charged: z.number(),
  currency: z.string(),
  /** The part of it that is assumed. */
  assumed: z.number().optional(),
  /** Runs of which nobody tells the cost: nothing of them is in the amount. */
  unknown_cost_runs: z.int().optional(),
});
export type UsageTotals = z.infer<typeof UsageTotals>;

/** What the caller ran and was charged, newest bucket first. */
export const readUsage = defineRpc({
  subject: 'rpc.v1.inference.read_usage',
  input: z.object({
    since: z.string().optional(),
    until: z.string().optional(),
    bucket: z.enum(usageBuckets),
    provider: z.string().optional(),
    limit: z.int().min(1).max(100),
    cursor: z.string().optional(),
  }),
  output: z.object({
    /** In the currency in which most was run. */
    totals: UsageTotals,
    /** In every other. */
    other_totals: z.array(UsageTotals).optional(),
    buckets: z.array(UsageTotals.extend({ start: z.string(), provider: z.string() })),
    next_cursor: z.string().optional(),
  }),
});

export const Budget = z.object({
  /** `subject`, or `everybody`: then each subject has one like it. */
  scope: z.string(),
  currency: z.string(),
  limit: z.number(),
  spent: z.number(),
  reserved: z.number(),
  /** Of a window that is no day, month or all of time in UTC. */
  window: z.string().optional(),
  time_zone: z.string().optional(),
  resets_at: z.string().optional(),
});
export type Budget = z.infer<typeof Budget>;

export const readBudgets = defineRpc({
  subject: 'rpc.v1.inference.read_budgets',
  input: z.object({
    /** A run that is thought of: what it costs. */
    run: z
      .object({
        currency: z.string(),
        min: z.number().optional(),
        max: z.number().optional(),
        provider: z.string().optional(),
        /** The profile that it would come by. */
        mount: z.string().optional(),
      })
      .optional(),
    /** What is to be quoted, one run of it, as `prepare_run` would read it. */
    quoted: z
      .object({ model: z.string(), wrapper: z.string().optional(), input: jsonObject, quote: Quote })
      .optional(),
  }),
  output: z.object({
    /** Of a quote that a run may be held to. */
    quote: z.object({ quote_id: z.string(), expires_at: z.string() }).optional(),
    budgets: z.array(Budget),
    /** What the tightest budget leaves for that run, in its currency. */
    left: z.number().optional(),
    /** Why that run would not be started. */
    refusal: ErrorEnvelope.optional(),
  }),
});

/** The outputs of one of the caller's runs. Errors: `run_not_found`. */
export const readOutputs = defineRpc({
  subject: 'rpc.v1.inference.read_outputs',
  input: z.object({ run_id: z.string() }),
  output: z.object({ outputs: z.array(RunOutput) }),
});

/** A webhook that was to tell of an ended run, or of an event, and how far that came. */
export const WebhookDelivery = z.object({
  delivery_id: z.string(),
  /** Empty where it tells of no run. */
  run_id: z.string(),
  /** The id of the event that it tells of. */
  event: z.string().optional(),
  url: z.string(),
  state: z.enum(['delivered', 'waiting', 'given_up']),
  attempts: z.int(),
  created_at: z.string().optional(),
  last_attempt_at: z.string().optional(),
  last_status: z.int().optional(),
  /** Why the last attempt was none: a word of ours. */
  last_problem: z.string().optional(),
  next_attempt_at: z.string().optional(),
  delivered_at: z.string().optional(),
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

/** The webhooks of the caller's runs, newest first. */
export const readDeliveries = defineRpc({
  subject: 'rpc.v1.inference.read_deliveries',
  input: z.object({
    run_id: z.string().max(100).optional(),
    state: z.enum(['delivered', 'waiting', 'given_up']).optional(),
    limit: z.int().min(1).max(100),
    cursor: z.string().max(2_000).optional(),
  }),
  output: z.object({ deliveries: z.array(WebhookDelivery), next_cursor: z.string().optional() }),
});

/** Sends a webhook of one of the caller's runs again from its first attempt. Errors: `webhook_not_found`, `busy`. */
export const replayWebhook = defineRpc({
  subject: 'rpc.v1.inference.replay_webhook',
  input: z.object({ delivery_id: z.string().max(200) }),
  output: z.object({}),
});

/**
 * Deletes what is kept of one of the caller's ended runs: some of its outputs, or its input, its outputs and what the platform
 * said, here and at the platform where it can be asked. Errors: `run_not_found`, `run_not_ended`.
 */
export const forgetPayload = defineRpc({
  subject: 'rpc.v1.inference.forget_payload',
  input: z.object({ run_id: z.string().max(100), asset_ids: z.array(z.string()).max(50).optional() }),
  output: z.object({ platform: z.enum(['asked', 'not_offered', 'nothing']) }),
});

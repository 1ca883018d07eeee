/** What the pages of the account ask: runs as a person looks through them, what was spent on what, and what operators see and do. */
import { z } from 'zod';
import { defineRpc } from '../operation.ts';
import { Run, RunStatus } from '../shapes/run.ts';
import { WebhookDelivery } from './inference.ts';

/** A run as one of many, with what tells it from its neighbours. */
export const BrowsedRun = Run.extend({
  /** The beginning of what was asked for, where the input has a text. */
  about: z.string().optional(),
  /** Which client it came by, where that is known. */
  client: z.string().optional(),
  /** Of a run that failed. */
  error_code: z.string().optional(),
  /** How many outputs there are; those that are told are the first. */
  output_count: z.int().optional(),
});
export type BrowsedRun = z.infer<typeof BrowsedRun>;

/**
 * The caller's runs, newest first. With a filter no more than `searched` of them are looked at for one page, so that a page
 * costs the same whatever it looks for; the next one goes on from there.
 */
export const browseRuns = defineRpc({
  subject: 'rpc.v1.inference.browse_runs',
  input: z.object({
    statuses: z.array(RunStatus).max(6).optional(),
    model: z.string().max(300).optional(),
    /** In the model, the input, the caller's reference or the id. */
    text: z.string().max(200).optional(),
    limit: z.int().min(1).max(100),
    cursor: z.string().max(500).optional(),
  }),
  output: z.object({
    runs: z.array(BrowsedRun),
    next_cursor: z.string().optional(),
    /** That many were looked at and there are more; absent when the page is full or the list has ended. */
    searched: z.int().optional(),
  }),
});

export const spendColumns = ['day', 'model'] as const;

const Spent = z.object({
  currency: z.string(),
  runs: z.int(),
  /** What is known, and what is assumed where nobody knows whether it was charged. */
  charged: z.number(),
  assumed: z.number().optional(),
  /** Runs of which nobody tells the cost: nothing of them is in the amount. */
  unknown_cost_runs: z.int().optional(),
});

/** What stands for models that cost least; no model is called so, since its name has a provider's. */
export const otherModels = 'all others';

/** What the caller was charged in a window, by day and by model; days are in UTC. */
export const readSpend = defineRpc({
  subject: 'rpc.v1.inference.read_spend',
  input: z.object({
    since: z.iso.datetime(),
    until: z.iso.datetime(),
    by: z.array(z.enum(spendColumns)).min(1).max(2),
    /** The most rows that are told: where there are more, the models that cost least are told as one, `otherModels`. */
    limit: z.int().min(400).max(5_000),
  }),
  output: z.object({
    rows: z.array(Spent.extend({ day: z.string().optional(), model: z.string().optional() })),
    /** Some models are told as one. */
    is_folded: z.boolean().optional(),
  }),
});
export type SpendRow = z.infer<typeof readSpend.output>['rows'][number];

/** In a principal that the account pages make for an operator; no grant can hold it. */
export const operatorScope = 'operator';

const RunRate = z.object({ count: z.int(), window_ms: z.int() });

/** How many runs a tenant or a platform may have; a number of 0 says that there is no bound, what is absent is as for everybody. */
const RunRule = z.object({
  scope: z.enum(['subject', 'provider']),
  /** Whose; `*`: each of them. */
  value: z.string(),
  at_once: z.int().optional(),
  rate: RunRate.optional(),
  open: z.int().optional(),
});

/** How the deployment does, for its operators. Errors: `forbidden` for everybody else. */
export const readOperation = defineRpc({
  subject: 'rpc.v1.inference.read_operation',
  input: z.object({
    part: z.enum(['platforms', 'limits', 'spend', 'webhooks']),
    /** Of what was spent. */
    since: z.iso.datetime().optional(),
    /** Webhooks that were given up alone. */
    is_failed: z.boolean().optional(),
    limit: z.int().min(1).max(200),
  }),
  output: z.object({
    platforms: z
      .array(
        z.object({
          provider: z.string(),
          /** Runs that have not ended, by phase. */
          open: z.record(z.string(), z.int()),
          /** Runs that are due and that nobody has taken, and for how long the first of them has been. */
          late_runs: z.int(),
          late_seconds: z.number(),
          pause: z
            .object({ mode: z.enum(['pause', 'drain']), reason: z.string(), at: z.string() })
            .optional(),
        }),
      )
      .optional(),
    /** What holds how many runs are under way, sent and open, as it was set. */
    limits: z.array(RunRule).optional(),
    /** Each that has a rule of its own, and those with the most runs that one of everybody holds; the fullest first. */
    limit_uses: z
      .array(
        RunRule.extend({
          under_way: z.int(),
          sent: z.int(),
          waiting: z.int(),
          unended: z.int(),
          /** What keeps its next run waiting; until when, where time alone makes room. */
          full: z.enum(['at_once', 'rate']).optional(),
          free_at: z.string().optional(),
        }),
      )
      .optional(),
    spend: z.array(Spent.extend({ subject: z.string() })).optional(),
    /** Of an address no more than where it leads. */
    webhooks: z.array(WebhookDelivery).optional(),
    /** There are more. */
    is_cut: z.boolean().optional(),
  }),
});

/** What an operator sets right; each is noted in the audit trail. Errors: `forbidden`, `not_found`. */
export const operate = defineRpc({
  subject: 'rpc.v1.inference.operate',
  input: z.object({
    action: z.enum(['pause', 'drain', 'resume', 'replay']),
    /** A provider, or the id of a webhook's delivery. */
    object: z.string().min(1).max(200),
    reason: z.string().max(500).optional(),
  }),
  output: z.object({}),
});

import { z } from 'zod';
import { defineRpc } from '../contract.ts';
import { RunOutput } from '../shapes/run.ts';
import { usageBuckets } from '../tools/get-account.ts';

const UsageTotals = z.object({ runs: z.int(), charged: z.number(), currency: z.string() });

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
    totals: UsageTotals,
    buckets: z.array(UsageTotals.extend({ start: z.string(), provider: z.string() })),
    next_cursor: z.string().optional(),
  }),
});

export const Budget = z.object({
  /** `subject` for now; later `team` and `deployment`. */
  scope: z.string(),
  currency: z.string(),
  limit: z.number(),
  spent: z.number(),
  reserved: z.number(),
  resets_at: z.string().optional(),
});
export type Budget = z.infer<typeof Budget>;

export const readBudgets = defineRpc({
  subject: 'rpc.v1.inference.read_budgets',
  input: z.object({}),
  output: z.object({ budgets: z.array(Budget) }),
});

/** The outputs of one of the caller's runs. Errors: `run_not_found`. */
export const readOutputs = defineRpc({
  subject: 'rpc.v1.inference.read_outputs',
  input: z.object({ run_id: z.string() }),
  output: z.object({ outputs: z.array(RunOutput) }),
});

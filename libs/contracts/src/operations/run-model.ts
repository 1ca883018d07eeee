import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject, ValidationProblem } from '../shapes/basics.ts';
import { Run } from '../shapes/run.ts';
import { continueRun, toContinuation } from './continue-run.ts';
import { runTask } from './run-task.ts';

export const runModel = defineOperation({
  name: 'run_model',
  toolset: 'run',
  scope: 'runs:write',
  isLong: true,
  waits: 'as_usual',
  isInteractive: true,
  task: runTask,
  continuation: { operation: continueRun, input: toContinuation },
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id from search_models'),
    input: jsonObject.optional().describe('Model inputs; see get_model'),
    wait_seconds: z
      .int()
      .min(0)
      .max(600)
      .optional()
      .describe('Max wait; 0 returns at once. Default: chosen for this client'),
    client_ref: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Idempotency key, 1-128 characters; reuse it when retrying'),
    max_cost: z.number().min(0).optional().describe('Refuse when the quote exceeds this'),
    quote_id: z.string().max(200).optional().describe('From estimate_cost: refuse a higher price'),
    metadata: jsonObject.optional().describe('Up to 16 string tags to find the run later'),
    webhook: z.string().max(2_000).optional().describe('HTTPS URL notified when the run settles'),
    options: jsonObject
      .optional()
      .describe('Provider execution options, e.g. {"ttl_seconds":600,"low_priority":true}'),
    dry_run: z.boolean().optional().describe('Validate and quote; do not run'),
    with_native: z.boolean().optional().describe("With every output, and the provider's own answer"),
    ref_scope: z
      .enum(['caller', 'model'])
      .optional()
      .describe('What client_ref counts within; of a model, the same one is the same run whatever its input'),
    until: z.enum(['end', 'taken']).optional().describe('Wait for the end, or until the platform has it'),
    whole: z.boolean().optional().describe('Everything that is known of the run, and not what is short'),
  }),
  reply: z.object({
    run: Run.optional(),
    validation: z.array(ValidationProblem).optional().describe('Input problems'),
    replayed: z.boolean().optional().describe('Returned an existing run for client_ref'),
    quote: jsonObject.optional().describe('dry_run: what it would cost'),
    native: jsonObject.optional().describe("The provider's own answer"),
    error: ErrorEnvelope.optional(),
  }),
});

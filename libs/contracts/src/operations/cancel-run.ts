import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { Run } from '../shapes/run.ts';

export const cancelOutcomes = ['confirmed', 'requested', 'unsupported', 'already_finished'] as const;
export type CancelOutcome = (typeof cancelOutcomes)[number];

export const cancelRun = defineOperation({
  name: 'cancel_run',
  toolset: 'run',
  scope: 'runs:write',
  input: z.object({ run_id: z.string().min(1).max(100).describe('Run handle') }),
  reply: z.object({
    run: Run.optional(),
    outcome: z.enum(cancelOutcomes).optional().describe('Result'),
    error: ErrorEnvelope.optional(),
  }),
});

import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { Run } from '../shapes/run.ts';
import { destructive } from './annotations.ts';
import { presentRun } from './present.ts';

export const cancelOutcomes = ['confirmed', 'requested', 'unsupported', 'already_finished'] as const;
export type CancelOutcome = (typeof cancelOutcomes)[number];

const sentences: Record<CancelOutcome, string> = {
  confirmed: 'It has stopped.',
  requested: 'The provider was asked to stop it and has not said so yet; check with get_run.',
  unsupported: 'This provider cannot stop a run: it goes on and is charged.',
  already_finished: 'It had finished before.',
};

export const cancelRun = defineTool({
  name: 'cancel_run',
  title: 'Cancel run',
  description:
    'Stop a queued or running run at the provider; breaking off a call does not. Says whether the provider really stopped it (confirmed), cannot (unsupported) or finished first, and what will be charged.',
  toolset: 'run',
  scope: 'runs:write',
  annotations: destructive,
  input: z.object({ run_id: z.string().min(1).max(100).describe('Run handle') }),
  output: z.object({
    run: Run.optional(),
    outcome: z.enum(cancelOutcomes).optional().describe('Result'),
    error: ErrorEnvelope.optional(),
  }),
  present({ run, outcome }) {
    const sentence = outcome === undefined ? [] : [text(`Cancel: ${outcome}. ${sentences[outcome]}`)];
    return run === undefined ? sentence : [...sentence, ...presentRun(run)];
  },
});

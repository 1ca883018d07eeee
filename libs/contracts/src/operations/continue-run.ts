import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import type { JsonObject } from '../portable-schema.ts';
import { Run } from '../shapes/run.ts';

/** Follows a run that `run_model` started, with the reply that `run_model` would have had: no tool leads to it. */
export const continueRun = defineOperation({
  name: 'continue_run',
  toolset: 'run',
  scope: 'runs:write',
  isLong: true,
  waits: 'as_usual',
  input: z.object({
    run_id: z.string().min(1).max(100),
    wait_seconds: z.int().min(0).max(600).optional(),
  }),
  reply: z.object({ run: Run.optional(), error: ErrorEnvelope.optional() }),
});

/** The input of `continueRun` for a call of `run_model` that started the run; undefined while it has none. */
export function toContinuation(
  runId: string | undefined,
  waitSeconds: number | undefined,
): JsonObject | undefined {
  if (runId === undefined) return undefined;
  return waitSeconds === undefined ? { run_id: runId } : { run_id: runId, wait_seconds: waitSeconds };
}

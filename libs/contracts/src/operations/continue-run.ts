import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import type { JsonObject } from '../portable-schema.ts';
import { jsonObject } from '../shapes/basics.ts';
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
    with_native: z.boolean().optional(),
  }),
  reply: z.object({ run: Run.optional(), native: jsonObject.optional(), error: ErrorEnvelope.optional() }),
});

/** The input of `continueRun` for a call of `run_model` that started the run; undefined while it has none. */
export function toContinuation(
  { run_id: runId, with_native: withNative }: Readonly<Record<string, string>>,
  waitSeconds: number | undefined,
): JsonObject | undefined {
  if (runId === undefined) return undefined;
  return {
    run_id: runId,
    ...(waitSeconds !== undefined && { wait_seconds: waitSeconds }),
    ...(withNative !== undefined && { with_native: true }),
  };
}

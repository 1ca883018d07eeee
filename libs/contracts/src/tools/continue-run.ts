import { z } from 'zod';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import type { JsonObject } from '../portable-schema.ts';
import { Run } from '../shapes/run.ts';
import { write } from './annotations.ts';
import { presentRun } from './present.ts';

/** Follows a run that `run_model` started, with the result that `run_model` would have had: no client sees this tool. */
export const continueRun = defineTool({
  name: 'continue_run',
  title: 'Continue run',
  description: 'Waits for a run whose call was cut off.',
  toolset: 'run',
  scope: 'runs:write',
  annotations: write,
  isLong: true,
  waits: 'as_usual',
  input: z.object({
    run_id: z.string().min(1).max(100),
    wait_seconds: z.int().min(0).max(600).optional(),
  }),
  output: z.object({ run: Run.optional(), error: ErrorEnvelope.optional() }),
  present: ({ run }) => (run === undefined ? [] : presentRun(run)),
});

/** The arguments of `continueRun` for a call of `run_model` that started the run; undefined while it has none. */
export function toContinuation(given: JsonObject, runId: string | undefined): JsonObject | undefined {
  if (runId === undefined) return undefined;
  const { wait_seconds: waitSeconds } = given;
  return { run_id: runId, ...(typeof waitSeconds === 'number' ? { wait_seconds: waitSeconds } : {}) };
}

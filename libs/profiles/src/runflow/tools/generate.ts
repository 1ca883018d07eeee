/** `generate(model, input, wait?, client_ref?)`: one run of any Solution or model, waited for by default. */
import { defineTool, ErrorEnvelope, isTerminal, runModel } from '@inferry/contracts';
import { z } from 'zod';
import { write } from '../../annotations.ts';
import {
  pollingTimeout,
  presentRunflowRun,
  RunflowRun,
  replayedLine,
  toRunflowRun,
  withRunflowRun,
} from '../run-view.ts';

/** Whoever waits does so until the end, within what the client and this deployment allow (RF-20, RF-27). */
const longestSeconds = 600;
/** A run that is not waited for is told with the id that the platform gives it, which takes a moment (RF-22). */
const takenSeconds = 10;

/** Failures that the clients of this product know under one name (RF-64). */
const unclassified = new Set([
  'internal',
  'upstream_failed',
  'upstream_malformed',
  'run_expired',
  'submit_unknown',
]);

export const generateTool = defineTool({
  name: 'generate',
  title: 'Generate',
  description:
    'Run a Runflow Solution or model and wait for its result. Prefer a Solution (list_models category=solution) to a bare model. Spends credits; nothing is charged when the input is invalid. Give client_ref for runs that may take more than 60 seconds: after polling_timeout, call again with the same model and client_ref to resume.',
  annotations: write,
  operation: runModel,
  input: z.object({
    model: z
      .string()
      .min(1)
      .max(290)
      .describe(
        'provider/slug from list_models; nested slugs are allowed, e.g. runflow/object-removal/prompt',
      ),
    input: z.record(z.string(), z.unknown()).describe('Inputs of the model'),
    wait: z
      .boolean()
      .optional()
      .describe('Default true: until succeeded, failed or cancelled. false: return at once with a run_id'),
    client_ref: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Idempotency key: the same model and client_ref return the existing run'),
  }),
  output: z.object({
    run_id: z.string().optional().describe('Id of the run at Runflow'),
    run: RunflowRun.optional().describe('The run'),
    replayed: z.boolean().optional().describe('An existing run of the same client_ref'),
    error: ErrorEnvelope.optional(),
  }),
  renamed: { max_cost: undefined, wait_seconds: undefined, dry_run: undefined },
  waitSeconds: ({ wait }) => (isFalse(wait) ? takenSeconds : longestSeconds),
  toInput: ({ model, input, wait, client_ref: ref }) => ({
    model: `runflow/${nativeOf(model)}`,
    input,
    wait_seconds: wait === false ? takenSeconds : longestSeconds,
    until: wait === false ? ('taken' as const) : ('end' as const),
    whole: true,
    ...(ref === undefined ? {} : { client_ref: ref, ref_scope: 'model' as const }),
  }),
  present: ({ run, replayed }) =>
    run === undefined ? [] : [...replayedLine(replayed), ...presentRunflowRun(run)],
  toStructured({ run, replayed }) {
    if (run === undefined) return {};
    const shown = toRunflowRun(run);
    return { run_id: shown.run_id, run: shown, ...(replayed === true ? { replayed } : {}) };
  },
  toFailure({ run }, { args }) {
    if (run === undefined || isTerminal(run.status) || args?.wait === false) return undefined;
    return pollingTimeout(run, args?.client_ref ?? run.client_ref);
  },
  toError(error) {
    const code = unclassified.has(error.code) ? 'generate_failed' : error.code;
    return { ...withRunflowRun(error), code };
  },
});

/** As clients write what is false. */
function isFalse(value: unknown): boolean {
  return value === false || value === 'false' || value === 0 || value === '0';
}

/** `provider/slug`, also of the endpoint that the list shows (RF-39). */
function nativeOf(model: string): string {
  return model.replace(/^\/?v1\/models\//, '').replace(/\/runs$/, '');
}

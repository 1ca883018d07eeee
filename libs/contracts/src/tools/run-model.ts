import { z } from 'zod';
import { problemLine, text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { jsonObject, ValidationProblem } from '../shapes/basics.ts';
import { Run } from '../shapes/run.ts';
import { write } from './annotations.ts';
import { continueRun, toContinuation } from './continue-run.ts';
import { money, presentRun } from './present.ts';
import { runTask } from './run-task.ts';
import { runUi } from './run-ui.ts';

export const runModel = defineTool({
  name: 'run_model',
  title: 'Run model',
  description:
    'Run any model and return its run. Spends credits. input is validated against the model schema first; nothing is charged when it is invalid. File inputs take URLs or asset ids: use create_upload for local files. Waits as long as the client allows, then returns status queued or running with run_id: the run goes on; continue with get_run. Pass client_ref to make a retry safe: the same client_ref never runs or charges twice. dry_run=true validates and quotes only.',
  toolset: 'run',
  scope: 'runs:write',
  annotations: write,
  isLong: true,
  waits: 'as_usual',
  // Whoever leaves it out is told what the model needs.
  explained: ['input'],
  ui: runUi,
  task: runTask,
  continuation: { tool: continueRun, args: (given, { run_id }) => toContinuation(given, run_id) },
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
      .max(128)
      .optional()
      .describe('Idempotency key, 1-128 characters; reuse it when retrying'),
    max_cost: z.number().min(0).optional().describe('Refuse when the quote exceeds this'),
    metadata: jsonObject.optional().describe('Up to 16 string tags to find the run later'),
    webhook: z.string().max(2_000).optional().describe('HTTPS URL notified when the run settles'),
    options: jsonObject
      .optional()
      .describe('Provider execution options, e.g. {"ttl_seconds":600,"low_priority":true}'),
    dry_run: z.boolean().optional().describe('Validate and quote; do not run'),
  }),
  output: z.object({
    run: Run.optional(),
    validation: z.array(ValidationProblem).optional().describe('Input problems'),
    replayed: z.boolean().optional().describe('Returned an existing run for client_ref'),
    quote: jsonObject.optional().describe('dry_run: what it would cost'),
    error: ErrorEnvelope.optional(),
  }),
  present({ run, validation, replayed, quote }) {
    if (run === undefined) {
      const problems = (validation ?? []).map((problem) => `- ${problemLine(problem)}`);
      const verdict = problems.length === 0 ? 'The input is valid.' : 'The input is not valid:';
      return [
        text([`Dry run. ${verdict}${quoteText(quote)} Nothing was run or charged.`, ...problems].join('\n')),
      ];
    }
    const blocks = presentRun(run);
    return replayed ? [text('Same client_ref: this is the existing run.'), ...blocks] : blocks;
  },
});

/** Everything that the quote says: whoever reads the text alone must know as much. */
function quoteText(quote: Readonly<Record<string, unknown>> | undefined): string {
  if (quote === undefined) return '';
  const { min, max, exact, unpriced_inputs: unpriced } = quote;
  const currency = { currency: typeof quote.currency === 'string' ? quote.currency : undefined };
  const unseen = Array.isArray(unpriced) && unpriced.length > 0 ? ` Not in it: ${unpriced.join(', ')}.` : '';
  if (typeof max === 'number') {
    return ` Cost: ${exact === true ? '' : 'at most '}${money(currency, max)}.${unseen}`;
  }
  const least = typeof min === 'number' && min > 0 ? `, ${money(currency, min)} or more` : '';
  return ` Cost: not known before the run${least}.${unseen}`;
}

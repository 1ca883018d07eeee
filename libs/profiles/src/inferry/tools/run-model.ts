import { defineTool, problemLine, runModel, runViewUri, text } from '@inferry/contracts';
import { z } from 'zod';
import { write } from '../../annotations.ts';
import { presentRun, quotedCost } from '../../present-run.ts';

export const runModelTool = defineTool({
  name: 'run_model',
  title: 'Run model',
  description:
    'Run any model and return its run. Spends credits. input is validated against the model schema first; nothing is charged when it is invalid. File inputs take URLs or asset ids: use create_upload for local files. Waits as long as the client allows, then returns status queued or running with run_id: the run goes on; continue with get_run. Pass client_ref to make a retry safe: the same client_ref never runs or charges twice. dry_run=true validates and quotes only.',
  annotations: write,
  operation: runModel,
  input: runModel.input.omit({ with_native: true, ref_scope: true, until: true, whole: true }).extend({
    client_ref: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Idempotency key, 1-128 characters; reuse it when retrying'),
  }),
  output: runModel.reply.omit({ native: true }),
  // Whoever leaves it out is told what the model needs.
  explained: ['input'],
  ui: { resourceUri: runViewUri },
  present({ run, validation, replayed, quote }) {
    if (run === undefined) {
      const problems = (validation ?? []).map((problem) => `- ${problemLine(problem)}`);
      const verdict = problems.length === 0 ? 'The input is valid.' : 'The input is not valid.';
      return [
        text([`Dry run. ${verdict}${quoteText(quote)} Nothing was run or charged.`, ...problems].join('\n')),
      ];
    }
    const blocks = presentRun(run);
    return replayed ? [text('Same client_ref: this is the existing run.'), ...blocks] : blocks;
  },
});

function quoteText(quote: Readonly<Record<string, unknown>> | undefined): string {
  if (quote === undefined) return '';
  const held = typeof quote.quote_id === 'string' ? ` quote_id="${quote.quote_id}" holds it to that.` : '';
  return `${quotedCost(quote, 'run')}${held}`;
}

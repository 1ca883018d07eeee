import { defineTool, listRuns, type Run, text } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';
import { costText, outputText, pageLine } from '../../present-run.ts';

export const listRunsTool = defineTool({
  name: 'list_runs',
  title: 'List runs',
  description: 'Your runs, newest first. Finds runs whose id was lost.',
  annotations: readOnly,
  operation: listRuns,
  input: listRuns.input.omit({ page_number: true, any_of: true, with_upstream: true }),
  present({ items = [], page, hint }) {
    const lines = items.flatMap(listedLines);
    lines.push(pageLine(items.length, page));
    if (hint !== undefined) lines.push(hint);
    return [text(lines.join('\n'))];
  },
});

function listedLines(run: Run): string[] {
  const { run_id: id, status, model, created_at: at, client_ref: ref, progress, outputs = [] } = run;
  const facts = [
    progress === undefined ? status : `${status} ${Math.round(progress * 100)} %`,
    model ?? '',
    at ?? '',
    ref === undefined ? '' : `client_ref ${ref}`,
    costText(run.cost).replace(/\.$/, ''),
  ].filter((fact) => fact !== '');
  const lines = [`- ${id}: ${facts.join(', ')}`, ...outputs.map((output) => `  ${outputText(output)}`)];
  return run.next_action === undefined ? lines : [...lines, `  Next: ${run.next_action}`];
}

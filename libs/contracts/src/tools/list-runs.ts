import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { Run, RunStatus } from '../shapes/run.ts';
import { readOnly } from './annotations.ts';
import { costText, outputText, pageLine } from './present.ts';

export const listRuns = defineTool({
  name: 'list_runs',
  title: 'List runs',
  description: 'Your runs, newest first. Finds runs whose id was lost.',
  toolset: 'run',
  scope: 'runs:read',
  annotations: readOnly,
  input: z.object({
    status: RunStatus.optional().describe('Filter'),
    model: z.string().max(300).optional().describe('Filter'),
    provider: z.string().max(100).optional().describe('Filter'),
    since: z.iso.datetime({ offset: true }).optional().describe('RFC 3339'),
    metadata: jsonObject.optional().describe('Exact tag matches, all must hold'),
    limit,
    cursor,
  }),
  output: z.object({
    items: z.array(Run).optional().describe('Runs'),
    page: Page.optional(),
    hint: z.string().optional().describe('Why there are none'),
    error: ErrorEnvelope.optional(),
  }),
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

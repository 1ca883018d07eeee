import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { Run, RunStatus } from '../shapes/run.ts';
import { readOnly } from './annotations.ts';
import { pageLine } from './present.ts';

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
    error: ErrorEnvelope.optional(),
  }),
  present({ items = [], page }) {
    const lines = items.map(
      (run) => `- ${run.run_id}: ${run.status}, ${run.model ?? ''}, ${run.created_at ?? ''}`,
    );
    return [text([...lines, pageLine(items.length, page)].join('\n'))];
  },
});

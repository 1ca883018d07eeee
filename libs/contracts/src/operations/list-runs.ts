import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { Run, RunStatus } from '../shapes/run.ts';

export const listRuns = defineOperation({
  name: 'list_runs',
  toolset: 'run',
  scope: 'runs:read',
  input: z.object({
    status: RunStatus.optional().describe('Filter'),
    model: z.string().max(300).optional().describe('Filter'),
    provider: z.string().max(100).optional().describe('Filter'),
    since: z.iso.datetime({ offset: true }).optional().describe('RFC 3339'),
    metadata: jsonObject.optional().describe('Exact tag matches, all must hold'),
    limit,
    cursor,
  }),
  reply: z.object({
    items: z.array(Run).optional().describe('Runs'),
    page: Page.optional(),
    hint: z.string().optional().describe('Why there are none'),
    error: ErrorEnvelope.optional(),
  }),
});

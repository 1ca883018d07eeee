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
    page_number: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('A page by its number instead of a cursor: 10 runs unless a limit says otherwise'),
    any_of: z
      .array(
        z.object({
          status: RunStatus,
          upstream: z.string().max(100).optional().describe("The provider's own word, where it matters"),
          is_not: z.string().max(100).optional().describe('A word of the provider that it is not'),
        }),
      )
      .max(20)
      .optional()
      .describe('Filter: any of these'),
    with_upstream: z.boolean().optional().describe("With the provider's own word for each"),
  }),
  reply: z.object({
    items: z.array(Run).optional().describe('Runs'),
    page: Page.optional(),
    hint: z.string().optional().describe('Why there are none'),
    error: ErrorEnvelope.optional(),
  }),
});

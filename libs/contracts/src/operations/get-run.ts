import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Run } from '../shapes/run.ts';

export const runParts = ['outputs', 'input', 'logs', 'events', 'raw', 'upstream'] as const;

export const getRun = defineOperation({
  name: 'get_run',
  toolset: 'run',
  scope: 'runs:read',
  isLong: true,
  waits: 'when_asked',
  continuation: {},
  input: z.object({
    run_id: z.string().min(1).max(100).optional().describe('Run handle'),
    client_ref: z.string().min(1).max(128).optional().describe('Or the idempotency key'),
    wait_seconds: z.int().min(0).max(600).optional().describe('Wait for a terminal status; default 0'),
    include: z.array(z.enum(runParts)).max(10).optional().describe('Default outputs'),
    offset: z.int().min(0).optional().describe('Continue truncated output'),
    max_chars: z.int().min(200).max(60_000).optional().describe('Inline text cap; default: what fits 1 KB'),
    tell_wait: z.boolean().optional().describe('Say how long the call waited, of a run that has not ended'),
  }),
  reply: z.object({
    run: Run.optional(),
    input: jsonObject.optional().describe('Submitted input'),
    logs: z.array(z.string()).optional().describe('Log lines'),
    events: z.array(jsonObject.describe('at, status, note')).optional().describe('Timeline'),
    raw: jsonObject.optional().describe('Provider payload'),
    diagnosis: z.string().optional().describe('Why it is stuck, if it is'),
    next_offset: z.int().optional().describe('Continue from here'),
    wait: z
      .object({ seconds: z.int().describe('Waited'), asked: z.int().describe('Asked for') })
      .optional()
      .describe('Of a run that has not ended'),
    error: ErrorEnvelope.optional(),
  }),
});

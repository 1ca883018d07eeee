import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Run } from '../shapes/run.ts';
import { readOnly } from './annotations.ts';
import { presentRun } from './present.ts';
import { runUi } from './run-ui.ts';

export const runParts = ['outputs', 'input', 'logs', 'events', 'raw', 'upstream'] as const;

export const getRun = defineTool({
  name: 'get_run',
  title: 'Get run',
  description:
    'Status and results of a run; with wait_seconds it waits for the end first. Large text or streamed output is paged: pass offset. Accepts run_id or client_ref.',
  toolset: 'run',
  scope: 'runs:read',
  annotations: readOnly,
  isLong: true,
  waits: 'when_asked',
  continuation: { args: (given) => given },
  ui: runUi,
  input: z.object({
    run_id: z.string().min(1).max(100).optional().describe('Run handle'),
    client_ref: z.string().min(1).max(128).optional().describe('Or the idempotency key'),
    wait_seconds: z.int().min(0).max(600).optional().describe('Wait for a terminal status; default 0'),
    include: z.array(z.enum(runParts)).max(10).optional().describe('Default outputs'),
    offset: z.int().min(0).optional().describe('Continue truncated output'),
    max_chars: z.int().min(200).max(60_000).optional().describe('Inline text cap; default: what fits 1 KB'),
  }),
  output: z.object({
    run: Run.optional(),
    input: jsonObject.optional().describe('Submitted input'),
    logs: z.array(z.string()).optional().describe('Log lines'),
    events: z.array(jsonObject.describe('at, status, note')).optional().describe('Timeline'),
    raw: jsonObject.optional().describe('Provider payload'),
    diagnosis: z.string().optional().describe('Why it is stuck, if it is'),
    next_offset: z.int().optional().describe('Continue from here'),
    error: ErrorEnvelope.optional(),
  }),
  present({ run, diagnosis, next_offset: nextOffset, error, ...parts }) {
    const lines: string[] = [];
    if (error !== undefined) lines.push(`Why: [${error.code}] ${error.message}`);
    if (diagnosis !== undefined) lines.push(`Diagnosis: ${diagnosis}`);
    for (const [part, value] of Object.entries(parts)) {
      if (value !== undefined) lines.push(`${part}: ${JSON.stringify(value)}`);
    }
    if (nextOffset !== undefined) lines.push(`More: offset=${nextOffset}.`);
    const blocks = run === undefined ? [] : presentRun(run);
    return lines.length === 0 ? blocks : [...blocks, text(lines.join('\n'))];
  },
});

import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';

/** What is said of a picture. */
export const ViewedOutput = z.object({
  asset_id: z.string().optional().describe('Asset'),
  url: z.string().optional().describe('Full size'),
  width: z.int().optional().describe('Original'),
  height: z.int().optional().describe('Original'),
  duration_seconds: z.number().optional().describe('Video'),
  error: ErrorEnvelope.optional(),
});

export const viewOutput = defineOperation({
  name: 'view_output',
  toolset: 'files',
  scope: 'files:write',
  makesFile: true,
  input: z.object({
    run_id: z.string().min(1).max(100).optional().describe('Run'),
    asset_id: z.string().min(1).max(100).optional().describe('Or asset'),
    index: z.int().min(0).optional().describe('Output index, default 0'),
    at_seconds: z.number().min(0).optional().describe('Video position'),
    max_px: z.int().min(64).max(1_568).optional().describe('Longest side, default 512'),
  }),
  reply: ViewedOutput.extend({ image: z.object({ data: z.string(), mime_type: z.string() }) }),
});

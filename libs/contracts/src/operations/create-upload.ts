import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';

export const createUpload = defineOperation({
  name: 'create_upload',
  toolset: 'files',
  scope: 'files:write',
  input: z.object({
    file_name: z.string().min(1).max(4_096).describe('Path as your shell sees it'),
    content_type: z.string().max(200).optional().describe('MIME type'),
    size: z.int().min(1).optional().describe('Bytes'),
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/)
      .optional()
      .describe('Hex; identical content is reused'),
    expires_in: z.int().min(60).optional().describe('Delete after seconds'),
  }),
  reply: z.object({
    asset_id: z.string().optional().describe('Asset'),
    file_url: z.string().optional().describe('Final URL'),
    method: z.string().optional().describe('PUT'),
    upload_url: z.string().optional().describe('One-time URL'),
    headers: jsonObject.optional().describe('Headers to send'),
    part_url: z.string().optional().describe('Multipart: put 1 to part_count for {part}'),
    part_bytes: z.int().optional().describe('Of each but the last'),
    part_count: z.int().optional().describe('Parts'),
    curl: z.string().optional().describe('Command to run'),
    expires_at: z.string().optional().describe('URL expiry'),
    deduplicated: z.boolean().optional().describe('Already stored; skip the PUT'),
    error: ErrorEnvelope.optional(),
  }),
});

import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';

/** In place of an asset: the file was larger than is taken, and nothing of it was kept. */
export const tooLargeAttachment = 'too_large';

export const uploadFile = defineOperation({
  name: 'upload_file',
  toolset: 'files',
  scope: 'files:write',
  isLong: true,
  makesFile: true,
  input: z.object({
    url: z.string().min(1).max(4_000).optional().describe('Public http(s) URL to copy'),
    base64: z.string().min(1).optional().describe('Bytes or data URI; small files only'),
    file_name: z.string().min(1).max(255).optional().describe('Name'),
    content_type: z.string().max(200).optional().describe('MIME type'),
    expires_in: z.int().min(60).optional().describe('Delete after seconds'),
  }),
  reply: z.object({
    asset_id: z.string().optional().describe('Asset'),
    file_url: z.string().optional().describe('URL'),
    content_type: z.string().optional().describe('MIME'),
    bytes: z.int().optional().describe('Size'),
    sha256: z.string().optional().describe('Hash'),
    error: ErrorEnvelope.optional(),
  }),
});

import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { write } from './annotations.ts';

export const uploadFile = defineTool({
  name: 'upload_file',
  title: 'Upload file',
  description:
    'Store a remote URL, or small base64 bytes when you have no shell. Local paths are not readable here: use create_upload. Limit 200 MiB.',
  toolset: 'files',
  scope: 'files:write',
  annotations: write,
  isLong: true,
  input: z.object({
    url: z.string().min(1).max(4_000).optional().describe('Public http(s) URL to copy'),
    base64: z.string().min(1).optional().describe('Bytes or data URI; small files only'),
    file_name: z.string().min(1).max(255).optional().describe('Name'),
    content_type: z.string().max(200).optional().describe('MIME type'),
    expires_in: z.int().min(60).optional().describe('Delete after seconds'),
  }),
  output: z.object({
    asset_id: z.string().optional().describe('Asset'),
    file_url: z.string().optional().describe('URL'),
    content_type: z.string().optional().describe('MIME'),
    bytes: z.int().optional().describe('Size'),
    sha256: z.string().optional().describe('Hash'),
    error: ErrorEnvelope.optional(),
  }),
  present({ asset_id: assetId, file_url: fileUrl, content_type: type, bytes }) {
    return [
      text(`Stored as ${assetId}: [file](${fileUrl}) (${type}, ${bytes} bytes). Use either in run_model.`),
    ];
  },
});

import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { jsonObject } from '../shapes/basics.ts';
import { write } from './annotations.ts';

export const createUpload = defineTool({
  name: 'create_upload',
  title: 'Create upload URL',
  description:
    'Get a one-time PUT URL for a local file plus a ready curl command, so file bytes never pass through the conversation. Use the returned asset_id or file_url in run_model. Multipart for large files.',
  toolset: 'files',
  scope: 'files:write',
  annotations: write,
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
  output: z.object({
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
  present({ asset_id: assetId, file_url: fileUrl, part_count: parts, ...upload }) {
    if (upload.deduplicated === true) {
      return [text(`Already stored as ${assetId}: [file](${fileUrl}). No upload is needed.`)];
    }
    const how = parts === undefined ? '' : ` in ${parts} parts`;
    return [
      text(
        `Upload the file${how} before ${upload.expires_at}:\n${upload.curl}\nThen use ${assetId} (or [its URL](${fileUrl})) in run_model.`,
      ),
    ];
  },
});

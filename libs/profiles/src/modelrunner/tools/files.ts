/** Files: local ones by a PUT of the client's own, small or remote ones through a call. What they become is a URL. */
import { createUpload, defineTool, ErrorEnvelope, text, uploadFile } from '@inferry/contracts';
import { z } from 'zod';
import { write } from '../../annotations.ts';
import { toProductError } from '../words.ts';

const fileName = z.string().min(1).max(255).describe('Name of the file');
const contentType = z.string().max(200).optional().describe('MIME type');

export const createUploadUrlTool = defineTool({
  name: 'create_upload_url',
  title: 'Create upload URL',
  description:
    'For local files, preferred: returns a one-time PUT URL and the fileUrl to pass to run_model. PUT the bytes with your shell; they never pass through the conversation. Large files: PUT part 1 to partCount, each to partUrl with its number.',
  annotations: write,
  operation: createUpload,
  renamed: { file_name: 'fileName', content_type: 'contentType' },
  input: z.object({
    fileName: z.string().min(1).max(4_096).describe('Name or path, as your shell sees it'),
    contentType,
    size: z.int().min(1).optional().describe('Bytes; above 16 MiB it is sent in parts'),
  }),
  output: z.object({
    upload_url: z.string().optional().describe('PUT the bytes here, once'),
    relay_upload_url: z
      .string()
      .optional()
      .describe('The same way in, for clients that cannot reach upload_url'),
    file_url: z.string().optional().describe('Pass to run_model'),
    fileUrl: z.string().optional().describe('The same'),
    headers: z.record(z.string(), z.unknown()).optional().describe('Headers of the PUT'),
    partUrl: z.string().optional().describe('Parts: put 1 to partCount for {part}'),
    partCount: z.int().optional().describe('Parts'),
    partBytes: z.int().optional().describe('Of each but the last'),
    curl: z.string().optional().describe('Command to run'),
    expiresAt: z.string().optional().describe('End of the upload URL'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ fileName: file_name, contentType: content_type, size }) => ({
    file_name,
    ...(content_type !== undefined && { content_type }),
    ...(size !== undefined && { size }),
  }),
  present(reply) {
    const { file_url: url, curl, expiresAt } = toUpload(reply);
    const until = expiresAt === undefined ? '' : ` until ${expiresAt}`;
    return [text(`Send the file with${until}:\n${curl ?? ''}\nfileUrl: ${url}`)];
  },
  toStructured: toUpload,
  toError: toProductError,
});

type Opened = z.infer<typeof createUpload.reply>;

function toUpload({ upload_url: url, file_url: fileUrl, headers, curl, ...rest }: Opened) {
  const { part_url: partUrl, part_count: partCount, part_bytes: partBytes, expires_at: expiresAt } = rest;
  return {
    // It is on this server's own host: whoever reaches the tools reaches it.
    ...(url !== undefined && { upload_url: url, relay_upload_url: url }),
    ...(fileUrl !== undefined && { file_url: fileUrl, fileUrl }),
    ...(headers !== undefined && { headers }),
    ...(partUrl !== undefined && { partUrl }),
    ...(partCount !== undefined && { partCount }),
    ...(partBytes !== undefined && { partBytes }),
    ...(curl !== undefined && { curl }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

export const uploadFileTool = defineTool({
  name: 'upload_file',
  title: 'Upload file',
  description:
    'Stores base64 bytes, or the file at a public url, and returns its fileUrl for run_model. At most 200 MiB. Local paths cannot be read here: for files on your machine use create_upload_url, or base64 where you have no shell.',
  annotations: write,
  operation: uploadFile,
  renamed: { file_name: 'fileName', content_type: 'contentType' },
  answersTooLarge: true,
  input: z.object({
    base64: z.string().min(1).optional().describe('Bytes, or a data URI'),
    url: z.string().min(1).max(4_000).optional().describe('Public http(s) URL to copy'),
    fileName: fileName.optional(),
    contentType,
  }),
  output: z.object({
    fileUrl: z.string().optional().describe('Pass to run_model'),
    contentType: z.string().optional().describe('MIME type'),
    size: z.int().optional().describe('Bytes'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ base64, url, fileName: file_name, contentType: content_type }) => ({
    ...(base64 !== undefined && { base64 }),
    ...(url !== undefined && { url }),
    ...(file_name !== undefined && { file_name }),
    ...(content_type !== undefined && { content_type }),
  }),
  present({ file_url: fileUrl, content_type: type, bytes }) {
    return [
      text(
        `Stored: ${fileUrl} (${[type, bytes === undefined ? undefined : `${bytes} bytes`].filter(Boolean).join(', ')})`,
      ),
    ];
  },
  toStructured: ({ file_url: fileUrl, content_type: type, bytes }) => ({
    ...(fileUrl !== undefined && { fileUrl }),
    ...(type !== undefined && { contentType: type }),
    ...(bytes !== undefined && { size: bytes }),
  }),
  toError: toProductError,
});

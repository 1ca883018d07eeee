import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { readOnly } from './annotations.ts';

const output = z.object({
  asset_id: z.string().optional().describe('Asset'),
  url: z.string().optional().describe('Full size'),
  width: z.int().optional().describe('Original'),
  height: z.int().optional().describe('Original'),
  duration_seconds: z.number().optional().describe('Video'),
  error: ErrorEnvelope.optional(),
});

export const viewOutput = defineTool({
  name: 'view_output',
  title: 'View output',
  description:
    'Look at one image or video frame of a run or asset as a small picture (about 600 tokens). The only tool that returns image content.',
  toolset: 'files',
  scope: 'files:write',
  annotations: readOnly,
  input: z.object({
    run_id: z.string().min(1).max(100).optional().describe('Run'),
    asset_id: z.string().min(1).max(100).optional().describe('Or asset'),
    index: z.int().min(0).optional().describe('Output index, default 0'),
    at_seconds: z.number().min(0).optional().describe('Video position'),
    max_px: z.int().min(64).max(1_568).optional().describe('Longest side, default 512'),
  }),
  output,
  isContentOnly: true,
  reply: output.extend({ image: z.object({ data: z.string(), mime_type: z.string() }) }),
  present({ image, asset_id: assetId, url, width, height, duration_seconds: seconds }) {
    const length = seconds === undefined ? '' : `, ${seconds} s`;
    return [
      { type: 'image', data: image.data, mimeType: image.mime_type },
      text(`${assetId ?? 'Output'}: ${width} x ${height}${length}. Full size: [link](${url})`),
    ];
  },
  toStructured: ({ image: _image, ...structured }) => structured,
});

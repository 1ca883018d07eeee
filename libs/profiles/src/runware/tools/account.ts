/** What is kept at the platform for its account: media, weights, and the account itself. */
import {
  defineTool,
  readPlatformAccount,
  storeMedia,
  type ToolAnnotations,
  uploadWeights,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly, write } from '../../annotations.ts';
import { documentText, platform, toProductError } from '../words.ts';

const shared = { outputSchema: 'none', isContentOnly: true, toError: toProductError } as const;
const removing: ToolAnnotations = { ...write, destructiveHint: true };

export const mediaStorageTool = defineTool({
  ...shared,
  name: 'media_storage',
  title: 'Media storage',
  description:
    'Upload media (a URL, data URI or base64) for use as an input of run, or delete it by its media UUID. Prefer a URL: base64 counts against the size of a call.',
  annotations: removing,
  operation: storeMedia,
  input: z.object({
    operation: z.enum(['upload', 'delete']).describe('What to do'),
    media: z.string().min(1).describe('To upload: URL, data URI or base64. To delete: media UUID'),
  }),
  renamed: { provider: undefined },
  toInput: (args) => ({ provider: platform, ...args }),
  present: ({ record }, { args }) => [
    documentText(args?.operation === 'delete' ? 'Media deleted:' : 'Media stored:', record ?? {}),
  ],
});

export const modelUploadTool = defineTool({
  ...shared,
  name: 'model_upload',
  title: 'Upload model',
  description:
    'Register custom weights that are at a URL (safetensors). Run them by their AIR once they are ready: get_task_details(taskUUID) tells how far they are.',
  annotations: write,
  operation: uploadWeights,
  input: z.object({
    category: z.enum(['checkpoint', 'lora', 'lycoris', 'vae', 'embeddings']).describe('Kind of weights'),
    architecture: z.string().min(1).max(100).describe('E.g. sdxl'),
    format: z.enum(['safetensors']).describe('File format'),
    name: z.string().min(1).max(200).describe('Name'),
    version: z.string().min(1).max(100).describe('Version'),
    downloadURL: z.string().min(1).max(2_000).describe('Public URL of the file'),
    air: z.string().max(250).optional().describe('AIR to give it: provider:model@version'),
  }),
  renamed: { provider: undefined },
  toInput: (weights) => ({ provider: platform, weights }),
  present: ({ record }) => [documentText('Model upload initiated:', record ?? {})],
});

export const accountTool = defineTool({
  ...shared,
  name: 'account',
  title: 'Account details',
  description: 'Balance and usage of the Runware account whose key is in use.',
  annotations: readOnly,
  operation: readPlatformAccount,
  input: z.object({
    operation: z.enum(['getDetails']).describe('What to tell'),
    includeCost: z.boolean().optional().describe('Also what the call costs: nothing'),
  }),
  renamed: { provider: undefined },
  toInput: () => ({ provider: platform }),
  present: ({ record }) => [documentText('Account info:', record ?? {})],
});

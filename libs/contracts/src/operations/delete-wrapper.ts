import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';

export const deleteWrapper = defineOperation({
  name: 'delete_wrapper',
  toolset: 'wrappers',
  scope: 'wrappers:write',
  input: z.object({
    wrapper_id: z.string().min(1).max(200).describe('Wrapper'),
  }),
  reply: z.object({
    deleted: z.boolean().optional().describe('Done'),
    error: ErrorEnvelope.optional(),
  }),
});

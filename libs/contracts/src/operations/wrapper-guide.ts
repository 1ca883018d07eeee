import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';

export const wrapperGuide = defineOperation({
  name: 'wrapper_guide',
  toolset: 'wrappers',
  scope: 'models:read',
  input: z.object({
    section: z.string().max(100).optional().describe('One section'),
  }),
  reply: z.object({
    guide: z.string().optional().describe('Markdown'),
    sections: z.array(z.string()).optional().describe('Section names'),
    error: ErrorEnvelope.optional(),
  }),
});

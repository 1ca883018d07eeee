import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject, ValidationProblem } from '../shapes/basics.ts';

export const previewWrapper = defineOperation({
  name: 'preview_wrapper',
  toolset: 'wrappers',
  scope: 'models:read',
  input: z.object({
    wrapper_id: z.string().min(1).max(200).optional().describe('Existing wrapper'),
    definition: jsonObject.optional().describe('Or a draft definition'),
    sample_input: jsonObject.describe('Input to render'),
  }),
  reply: z.object({
    prompt: z.string().optional().describe('Rendered prompt'),
    mapped_input: jsonObject.optional().describe('What the base model would get'),
    problems: z.array(ValidationProblem).optional().describe('Problems'),
    error: ErrorEnvelope.optional(),
  }),
});

import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Wrapper } from '../shapes/wrapper.ts';

export const createWrapper = defineOperation({
  name: 'create_wrapper',
  toolset: 'wrappers',
  scope: 'wrappers:write',
  input: z.object({
    definition: jsonObject.describe('See wrapper_guide'),
    visibility: z.enum(['private', 'unlisted', 'public']).optional().describe('Default private'),
    status: z.enum(['draft', 'published']).optional().describe('Default draft'),
    client_ref: z.string().min(1).max(128).optional().describe('Idempotency key'),
  }),
  reply: z.object({
    wrapper: Wrapper.optional().describe('Wrapper'),
    replayed: z.boolean().optional().describe('Returned an existing wrapper for client_ref'),
    error: ErrorEnvelope.optional(),
  }),
});

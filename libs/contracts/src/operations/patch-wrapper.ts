import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Wrapper } from '../shapes/wrapper.ts';

export const patchWrapper = defineOperation({
  name: 'patch_wrapper',
  toolset: 'wrappers',
  scope: 'wrappers:write',
  input: z.object({
    wrapper_id: z.string().min(1).max(200).describe('Wrapper'),
    patch: jsonObject.describe('Fields to change'),
    if_version: z.string().min(1).max(20).optional().describe('Refuse when changed since'),
  }),
  reply: z.object({
    wrapper: Wrapper.optional().describe('Wrapper'),
    error: ErrorEnvelope.optional(),
  }),
});

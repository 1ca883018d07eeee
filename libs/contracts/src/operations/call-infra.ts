import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';

/** A call of a platform's control plane by the platform's own name, for profiles that have its tools word by word. */
export const callInfra = defineOperation({
  name: 'call_infra',
  toolset: 'infra',
  scope: 'infra',
  isLong: true,
  isInteractive: true,
  input: z.object({
    provider: z.string().min(1).max(64).describe('Platform'),
    edition: z.string().min(1).max(32).describe('Edition of its tools'),
    call: z.string().min(1).max(64).describe('Name of the call'),
    input: jsonObject.describe('Its arguments'),
    accepted: z
      .array(z.string())
      .optional()
      .describe('Arguments that there are, where others are to be refused'),
    required: z.array(z.string()).optional().describe('Arguments that there have to be, likewise'),
  }),
  reply: z.object({
    body: z.unknown().optional().describe('As the platform answers'),
    is_error: z.boolean().optional().describe('The body says why nothing was done'),
    error: ErrorEnvelope.optional(),
  }),
});

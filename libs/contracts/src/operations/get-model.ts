import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';
import { ModelInput, ModelSummary } from '../shapes/model.ts';

export const modelSections = [
  'summary',
  'inputs',
  'schema',
  'output_schema',
  'pricing',
  'examples',
  'template',
  'mappings',
  'readme',
] as const;

/** What canonical clients have other ways to, or no use for. */
const furtherSections = ['native_schema', 'ids'] as const;

export const getModel = defineOperation({
  name: 'get_model',
  toolset: 'discover',
  scope: 'models:read',
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id from search_models'),
    sections: z
      .array(z.enum([...modelSections, ...furtherSections]))
      .max(20)
      .optional()
      .describe('Sections to return'),
    capability: z.string().max(100).optional().describe('Limit examples to one capability'),
    max_chars: z.int().min(500).max(60_000).optional().describe('Cap per section, default 6000'),
    offset: z.int().min(0).optional().describe('Continue a truncated section'),
    brief: z.boolean().optional().describe('As much of the sections as fits a short result'),
  }),
  reply: z.object({
    model: ModelSummary.optional(),
    inputs: z.array(ModelInput).optional().describe('Readable inputs'),
    schema: jsonObject.optional().describe('JSON Schema of the input'),
    output_schema: jsonObject.optional().describe('JSON Schema of the output'),
    pricing: jsonObject.optional().describe('Overview and priced configurations'),
    examples: z.array(jsonObject.describe('input, output, cost')).optional().describe('Examples'),
    template: z.string().optional().describe('Wrapper prompt template'),
    mappings: jsonObject.optional().describe('Wrapper field mappings'),
    readme: z.string().optional().describe('Model card, Markdown'),
    native_schema: jsonObject.optional().describe('Input schema as the provider wrote it'),
    ids: z.array(z.string()).optional().describe('Further ids that the provider takes for it'),
    truncated: z.array(z.string()).optional().describe('Sections cut; use offset'),
    next_action: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
});

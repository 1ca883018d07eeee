import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { cursor, jsonObject, Page } from '../shapes/basics.ts';
import { ModelSummary, modelKinds } from '../shapes/model.ts';

export const searchModels = defineOperation({
  name: 'search_models',
  toolset: 'discover',
  scope: 'models:read',
  input: z.object({
    query: z.string().max(500).optional().describe('Free text over id, name, description, tags'),
    provider: z.string().max(100).optional().describe('Provider slug'),
    kind: z.enum(modelKinds).optional().describe('Catalog kind'),
    category: z
      .string()
      .max(100)
      .optional()
      .describe('e.g. image, video, audio, text, 3d, text-to-image, solution'),
    capability: z.string().max(100).optional().describe('e.g. io:text-to-image, op:upscale'),
    creator: z.string().max(100).optional().describe('Model creator'),
    featured: z.boolean().optional().describe('Curated shortlist only'),
    mine: z.boolean().optional().describe('Only what you own, drafts included'),
    include_offline: z.boolean().optional().describe('Also list models that are not live'),
    facets: z.boolean().optional().describe('Return filter values with counts'),
    limit: z.int().min(1).max(200).optional().describe('Max items, default 20'),
    cursor,
    page_number: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('A page by its number instead of a cursor: 10 models unless a limit says otherwise'),
    shortlist: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('What is recommended for image, video, utility or a category'),
    with_names: z.boolean().optional().describe('With names and capabilities, also where the id tells them'),
    match: z.enum(['words', 'substring']).optional().describe('How query is looked for'),
    whole: z.boolean().optional().describe('All that is known of each model'),
  }),
  reply: z.object({
    items: z.array(ModelSummary).optional().describe('Matches'),
    page: Page.optional(),
    facets: jsonObject.optional().describe('Values and counts'),
    stale: z.boolean().optional().describe('Served from cache; provider unreachable'),
    hint: z.string().optional().describe('What to try next'),
    error: ErrorEnvelope.optional(),
  }),
});

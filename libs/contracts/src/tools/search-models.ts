import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { ModelSummary, modelKinds } from '../shapes/model.ts';
import { readOnly } from './annotations.ts';
import { pageLine } from './present.ts';

export const searchModels = defineTool({
  name: 'search_models',
  title: 'Search models',
  description:
    'Find runnable models, solutions, wrappers and public endpoints across all connected providers. Use featured=true for a curated shortlist. Never invent a model id: use one returned here. facets=true also lists valid category, capability, provider and creator values.',
  toolset: 'discover',
  scope: 'models:read',
  annotations: readOnly,
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
    limit,
    cursor,
  }),
  output: z.object({
    items: z.array(ModelSummary).optional().describe('Matches'),
    page: Page.optional(),
    facets: jsonObject.optional().describe('Values and counts'),
    stale: z.boolean().optional().describe('Served from cache; provider unreachable'),
    error: ErrorEnvelope.optional(),
  }),
  present({ items = [], page, facets, stale }) {
    if (items.length === 0) {
      const hint =
        facets === undefined
          ? 'Try fewer filters, or facets=true for valid values.'
          : `Facets: ${JSON.stringify(facets)}`;
      return [text(`No model matches. ${hint}`)];
    }
    const lines = items.map(searchLine);
    if (facets !== undefined) lines.push(`Facets: ${JSON.stringify(facets)}`);
    if (stale === true) lines.push('Served from the last snapshot: a provider cannot be reached.');
    return [text([...lines, pageLine(items.length, page)].join('\n'))];
  },
});

/** Long enough to tell models apart; get_model has the rest. */
const maxSummary = 120;

function searchLine({ model, summary, title, category, price, featured, live }: ModelSummary): string {
  const described = summary ?? title ?? '';
  const short = described.length > maxSummary ? `${described.slice(0, maxSummary)}…` : described;
  const marks = [category, price, featured ? 'featured' : undefined, live === false ? 'not live' : undefined];
  const shown = marks.filter((mark) => mark !== undefined && mark !== '');
  return `- ${model}: ${short}${shown.length === 0 ? '' : ` [${shown.join(', ')}]`}`;
}

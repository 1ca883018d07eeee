import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { cursor, jsonObject, limit, Page } from '../shapes/basics.ts';
import { ModelSummary, modelKinds } from '../shapes/model.ts';
import { clip } from '../short.ts';
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
    hint: z.string().optional().describe('What to try next'),
    error: ErrorEnvelope.optional(),
  }),
  present({ items = [], page, facets, stale, hint }) {
    const lines = items.length === 0 ? ['No model matches.'] : items.map(searchLine);
    if (facets !== undefined) lines.push(`Facets: ${JSON.stringify(facets)}`);
    if (stale === true) lines.push('Served from the last snapshot: a provider cannot be reached.');
    if (items.length > 0) lines.push(pageLine(items.length, page));
    if (hint !== undefined) lines.push(hint);
    return [text(lines.join('\n'))];
  },
});

function searchLine(item: ModelSummary): string {
  const { model, summary, title, category, price, featured, live, connected, needs } = item;
  const described = clip(summary ?? title ?? '', 120);
  const marks = [
    category,
    price,
    featured ? 'featured' : undefined,
    live === false ? 'not live' : undefined,
    connected === false ? 'no key for its platform' : undefined,
  ].filter((mark) => mark !== undefined && mark !== '');
  const head = described === '' ? `- ${model}` : `- ${model}: ${described}`;
  const known = marks.length === 0 ? head : `${head} [${marks.join(', ')}]`;
  return needs === undefined ? known : `${known} needs: ${needs}`;
}

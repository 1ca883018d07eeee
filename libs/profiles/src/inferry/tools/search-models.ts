import { clip, defineTool, type ModelSummary, searchModels, text } from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';
import { pageLine } from '../../present-run.ts';

export const searchModelsTool = defineTool({
  name: 'search_models',
  title: 'Search models',
  description:
    'Find runnable models, solutions, wrappers and public endpoints across all connected providers. Use featured=true for a curated shortlist. Never invent a model id: use one returned here. facets=true also lists valid category, capability, provider and creator values.',
  annotations: readOnly,
  operation: searchModels,
  input: searchModels.input
    .omit({ page_number: true, shortlist: true, with_names: true, match: true, whole: true })
    .extend({ limit: z.int().min(1).max(100).optional().describe('Max items, default 20') }),
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

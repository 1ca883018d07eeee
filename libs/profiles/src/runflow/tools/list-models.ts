/** `list_models(category?, provider?, query?, limit?)`: one catalog of Solutions and models. */
import {
  defineTool,
  ErrorEnvelope,
  type ModelSummary,
  maxShortBytes,
  mostThatIsShort,
  searchModels,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';
import { runsEndpoint, shortModel } from '../run-view.ts';

const categories = [
  'text-to-image',
  'image-to-image',
  'text-to-video',
  'image-to-video',
  'video-to-video',
  'text-to-audio',
  'solution',
] as const;

const defaultLimit = 50;

export const listModelsTool = defineTool({
  name: 'list_models',
  title: 'List models',
  description:
    'Browse the Runflow catalog: Solutions (provider_slug=runflow) beside the models of all providers. Filter by category, provider or query; pass the model of an entry to generate.',
  annotations: readOnly,
  operation: searchModels,
  input: z.object({
    category: z.enum(categories).optional().describe('What it makes of what, or solution'),
    provider: z.string().max(100).optional().describe('Provider slug: runflow, openai, google, ...'),
    query: z.string().max(500).optional().describe('Part of model_name or model_slug'),
    limit: z.int().min(1).max(200).optional().describe('Default 50'),
  }),
  output: z.object({
    models: z
      .array(
        z.object({
          model: z.string().optional().describe('Pass to generate'),
          provider_slug: z.string().optional().describe('Provider'),
          model_slug: z.string().optional().describe('Slug, perhaps nested'),
          model_name: z.string().optional().describe('Name'),
          category: z.string().optional().describe('Category'),
          description: z.string().optional().describe('One line'),
          price_label: z.string().optional().describe('Price'),
          runs_endpoint: z.string().optional().describe('REST address of its runs'),
        }),
      )
      .optional()
      .describe('Entries'),
    total: z.int().optional().describe('How many there are'),
    error: ErrorEnvelope.optional(),
  }),
  renamed: { creator: 'provider', cursor: undefined, match: undefined },
  toInput: ({ category, provider, query, limit = defaultLimit }) => ({
    provider: 'runflow',
    whole: true,
    limit,
    ...(category === undefined ? {} : category === 'solution' ? { kind: 'solution' as const } : { category }),
    ...(provider === undefined ? {} : { creator: provider }),
    ...(query === undefined ? {} : { query, match: 'substring' as const }),
  }),
  present({ items = [], page, stale }, { args }) {
    const lines = items.length === 0 ? ['No model matches.'] : items.map(lineOf);
    const old = stale === true ? ['From the last snapshot: the catalog cannot be read now.'] : [];
    const total = page?.total ?? items.length;
    const listOf = (count: number) => {
      const rest = count < lines.length ? ['Narrow the list for the others, or give a limit.'] : [];
      return [...lines.slice(0, count), ...old, `${Math.min(count, total)} of ${total} shown.`, ...rest].join(
        '\n',
      );
    };
    // Whoever gives a limit reads so many; the structure has them all in any case.
    if (args?.limit !== undefined) return [text(listOf(lines.length))];
    const isShortWith = (count: number) => Buffer.byteLength(listOf(count)) <= maxShortBytes;
    return [text(listOf(mostThatIsShort(Math.min(1, lines.length), lines.length, isShortWith)))];
  },
  toStructured: ({ items = [], page }) => ({
    models: items.map(toEntry),
    ...(page?.total === undefined ? {} : { total: page.total }),
  }),
  toError: (error) => error,
});

function lineOf(item: ModelSummary): string {
  const { model, model_name: name, category, price_label: price } = toEntry(item);
  const marks = [category, price].filter((mark) => mark !== undefined && mark !== '');
  return `- ${model}: ${name ?? ''}${marks.length === 0 ? '' : ` [${marks.join(', ')}]`}`;
}

function toEntry({ model: id, title, kind, category, summary, price }: ModelSummary) {
  const model = shortModel(id);
  const cut = model.indexOf('/');
  return {
    model,
    provider_slug: model.slice(0, cut),
    model_slug: model.slice(cut + 1),
    ...(title === undefined ? {} : { model_name: title }),
    category: kind === 'solution' ? 'solution' : category,
    ...(summary === undefined ? {} : { description: summary }),
    ...(price === undefined ? {} : { price_label: price }),
    runs_endpoint: runsEndpoint(model),
  };
}

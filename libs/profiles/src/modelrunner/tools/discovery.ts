/** What there is: page-numbered lists, curated shortlists, one model in short and its schema as the platform wrote it. */
import { defineTool, ErrorEnvelope, getModel, type ModelInput, searchModels, text } from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';
import {
  cardLine,
  clampLimit,
  platform,
  toCard,
  toEndpoint,
  toModel,
  toPage,
  toProductError,
} from '../words.ts';

export const endpoint: z.ZodString = z
  .string()
  .min(1)
  .max(250)
  .describe('owner/name, e.g. bytedance/sdxl-lightning-4step');
export const page = z.int().min(1).max(100_000).optional().describe('Page number, from 1 (default)');
export const limit = z.int().min(1).optional().describe('Items per page, default 10, at most 100');
const purpose = z.enum(['image', 'video', 'utility']).describe('What it is for');

export const Card = z.object({
  endpoint: z.string().optional().describe('Pass to run_model'),
  type: z.string().optional().describe('model or wrapper'),
  name: z.string().optional().describe('Name'),
  shortDescription: z.string().optional().describe('One line'),
  category: z.string().optional().describe('Category'),
  pricing: z.string().optional().describe('Price in words'),
  featured: z.boolean().optional().describe('Recommended'),
});

export const paged = {
  page: z.int().optional().describe('This page'),
  limit: z.int().optional().describe('Items per page'),
  total: z.int().optional().describe('Items in all'),
  totalPages: z.int().optional().describe('Pages in all'),
};
const hinted = { hint: z.string().optional().describe('What to try next'), error: ErrorEnvelope.optional() };

export const CardPage = z.object({
  ...paged,
  data: z.array(Card).optional().describe('Models or wrappers'),
  ...hinted,
});
const CardList = z.object({
  category: z.string().optional().describe('What they are for'),
  data: z.array(Card).optional().describe('Best first'),
  ...hinted,
});

type Found = z.infer<typeof searchModels.reply>;

const emptyHint = 'Try other words, fewer filters or an earlier page.';

export function toCardPage({ items = [], page: { total } = {}, hint }: Found, asked: Paging | undefined) {
  const listed = toPage(items.map(toCard), asked ?? {}, total);
  return { ...listed, ...(hint !== undefined && { hint: emptyHint }) };
}

interface Paging {
  page?: number | undefined;
  limit?: number | undefined;
}

export function presentCardPage(found: Found, asked: Paging | undefined) {
  const { data, page: number, total, totalPages, hint } = toCardPage(found, asked);
  const last = `Page ${number} of ${totalPages}, ${total} in all.`;
  const lines = [...data.map(cardLine), data.length === 0 ? `Nothing is on this page. ${last}` : last];
  return [text([...lines, ...(hint === undefined ? [] : [hint])].join('\n'))];
}

interface ListOf {
  name: string;
  title: string;
  description: string;
  kind: 'model' | 'wrapper';
}

/** A list of all that there is of a kind, page by page. */
export function definePages({ kind, ...told }: ListOf) {
  return defineTool({
    ...told,
    annotations: readOnly,
    operation: searchModels,
    input: z.object({
      search: z.string().max(500).optional().describe('Words in name, description, owner, tags'),
      category: z.string().max(100).optional().describe('e.g. image, video, text-to-image'),
      page,
      limit,
    }),
    output: CardPage,
    toInput: ({ search, category, page: number = 1, limit: size }) => ({
      provider: platform,
      kind,
      ...(search !== undefined && { query: search }),
      ...(category !== undefined && { category }),
      page_number: number,
      ...(size !== undefined && { limit: clampLimit(size) }),
    }),
    present: (found, { args }) => presentCardPage(found, args),
    toStructured: (found, { args }) => toCardPage(found, args),
    toError: toProductError,
  });
}

/** The curated few of a kind, by what they are for. */
export function defineShortlist({ kind, ...told }: ListOf) {
  return defineTool({
    ...told,
    annotations: readOnly,
    operation: searchModels,
    input: z.object({ category: purpose }),
    output: CardList,
    toInput: ({ category }) => ({ provider: platform, kind, shortlist: category }),
    present: presentShortlist,
    toStructured: toShortlist,
    toError: toProductError,
  });
}

export const listModelsTool = definePages({
  name: 'list_models',
  title: 'List models',
  description:
    'Public models, page by page. Filters: search (words), category (e.g. image, text-to-image). For a quick pick use recommended_models.',
  kind: 'model',
});

export const recommendedModelsTool = defineShortlist({
  name: 'recommended_models',
  title: 'Recommended models',
  description:
    'The curated shortlist of models for image, video or utility (upscale, cut out, transcribe …), best first. The fastest way to pick one.',
  kind: 'model',
});

function toShortlist({ items = [], hint }: Found, { args }: { args: { category: string } | undefined }) {
  return {
    ...(args !== undefined && { category: args.category }),
    data: items.map(toCard),
    ...(hint !== undefined && { hint: 'list_models and list_wrappers have all there is.' }),
  };
}

function presentShortlist(found: Found, told: { args: { category: string } | undefined }) {
  const { data, category = '', hint } = toShortlist(found, told);
  if (data.length === 0) return [text(`Nothing is recommended for ${category}. ${hint ?? ''}`.trim())];
  return [text([`Recommended for ${category}, best first:`, ...data.map(cardLine)].join('\n'))];
}

const SearchHit = Card;

export const searchTool = defineTool({
  name: 'search',
  title: 'Search',
  description: 'Free text over models and wrappers at once, best match first.',
  annotations: readOnly,
  operation: searchModels,
  input: z.object({
    query: z.string().min(1).max(500).describe('What to look for'),
    limit: z.int().min(1).optional().describe('Most results, default 25, at most 100'),
  }),
  output: z.object({
    query: z.string().optional().describe('As asked'),
    results: z.array(SearchHit).optional().describe('Models and wrappers in one order'),
    total: z.int().optional().describe('Matches in all'),
    ...hinted,
  }),
  toInput: ({ query, limit: size }) => ({
    query,
    provider: platform,
    ...(size !== undefined && { limit: clampLimit(size) }),
  }),
  present(found, told) {
    const { results, total, hint } = toHits(found, told);
    const lines = results.length === 0 ? ['Nothing matches.'] : results.map(cardLine);
    if (results.length > 0) lines.push(`${results.length} of ${total ?? results.length} shown.`);
    return [text([...lines, ...(hint === undefined ? [] : [hint])].join('\n'))];
  },
  toStructured: toHits,
  toError: toProductError,
});

function toHits(
  { items = [], page: { total } = {}, hint }: Found,
  { args }: { args: { query: string } | undefined },
) {
  return {
    ...(args !== undefined && { query: args.query }),
    results: items.map((item) => ({
      ...toCard(item),
      type: item.kind === 'wrapper' ? ('wrapper' as const) : ('model' as const),
    })),
    ...(total !== undefined && { total }),
    ...(hint !== undefined && { hint: emptyHint }),
  };
}

export const Field = z.object({
  name: z.string().optional().describe('Field'),
  type: z.string().optional().describe('Type'),
  required: z.boolean().optional().describe('Required'),
  default: z.unknown().meta({ minItems: 0 }).optional().describe('Default'),
  description: z.string().optional().describe('Meaning'),
  enum: z
    .array(z.unknown().meta({ minItems: 0 }))
    .optional()
    .describe('Allowed values'),
  isFile: z.boolean().optional().describe('Takes a file URL'),
});

const object = z.record(z.string(), z.unknown());

const shownSections = ['summary', 'inputs', 'output_schema', 'pricing', 'examples', 'ids'] as const;

export const getModelTool = defineTool({
  name: 'get_model',
  title: 'Get model',
  description:
    'One model in short: inputs, outputs, pricing, examples. Call it before the first run_model of a model. Exact types: get_model_raw_schema.',
  annotations: readOnly,
  operation: getModel,
  renamed: { model: 'endpoint', sections: undefined, max_chars: undefined, offset: undefined },
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('Pass to run_model'),
    id: z.string().optional().describe('Id of a base model for create_wrapper'),
    name: z.string().optional().describe('Name'),
    description: z.string().optional().describe('One line'),
    category: z.string().optional().describe('Category'),
    inputs: z.array(Field).optional().describe('Inputs'),
    outputs: object.optional().describe('Schema of the output'),
    pricing: object.optional().describe('Price'),
    examples: z.array(object).optional().describe('input and output of runs that were made'),
    hint: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({
    model: toModel(name),
    sections: [...shownSections],
    brief: true,
  }),
  present(described) {
    const {
      endpoint: name,
      id,
      description,
      inputs = [],
      outputs,
      pricing,
      examples = [],
      hint,
      ...rest
    } = describeModel(described);
    const head = rest.name === undefined ? name : `${rest.name} (${name})`;
    const lines = [`${head}: ${description ?? ''}${rest.category ? ` [${rest.category}]` : ''}`];
    if (id !== undefined) lines.push(`Id: ${id}`);
    if (inputs.length > 0) lines.push('Inputs:', ...inputs.map(fieldLine));
    if (outputs !== undefined) lines.push(`Outputs: ${JSON.stringify(outputs)}`);
    if (pricing !== undefined) lines.push(`Pricing: ${JSON.stringify(pricing)}`);
    if (examples.length > 0) lines.push(`Examples: ${JSON.stringify(examples)}`);
    if (hint !== undefined) lines.push(`Next: ${hint}`);
    return [text(lines.join('\n'))];
  },
  toStructured: describeModel,
  toError: toProductError,
});

export function describeModel(described: z.infer<typeof getModel.reply>) {
  const { model, inputs, output_schema: outputs, pricing, examples, ids = [], truncated = [] } = described;
  const name = toEndpoint(model?.model ?? '');
  return {
    endpoint: name,
    ...(ids[0] !== undefined && { id: ids[0] }),
    ...(model?.title !== undefined && { name: model.title }),
    ...(model?.summary !== undefined && { description: model.summary }),
    ...(model?.category ? { category: model.category } : {}),
    ...(inputs !== undefined && { inputs: inputs.map(toField) }),
    ...(outputs !== undefined && { outputs }),
    ...(pricing !== undefined && { pricing }),
    ...(examples !== undefined && examples.length > 0 && { examples }),
    ...(truncated.includes('inputs') && { hint: `get_model_raw_schema(endpoint="${name}") has all inputs` }),
  };
}

function toField({ is_file: isFile, allowed, ...field }: ModelInput): z.infer<typeof Field> {
  return { ...field, ...(allowed !== undefined && { enum: allowed }), ...(isFile === true && { isFile }) };
}

export function fieldLine({
  name,
  type,
  required,
  description,
  isFile,
  ...rest
}: z.infer<typeof Field>): string {
  const marks = [type, required ? 'required' : undefined, isFile ? 'file URL' : undefined];
  const choices = rest.enum === undefined ? '' : ` One of: ${rest.enum.map(plain).join(', ')}.`;
  const usual = rest.default === undefined ? '' : ` Default ${JSON.stringify(rest.default)}.`;
  return `- ${name} (${marks.filter(Boolean).join(', ')}): ${description ?? ''}${choices}${usual}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export const getModelRawSchemaTool = defineTool({
  name: 'get_model_raw_schema',
  title: 'Raw schema of a model',
  description: "JSON Schema of a model's input, exactly as the platform has it. For exact field types.",
  annotations: readOnly,
  operation: getModel,
  renamed: { model: 'endpoint', sections: undefined, max_chars: undefined, offset: undefined },
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('The model'),
    schema: object.optional().describe('JSON Schema of its input'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({ model: toModel(name), sections: ['native_schema' as const] }),
  present: ({ native_schema: schema }) => [text(JSON.stringify(schema ?? {}, undefined, 1))],
  toStructured: ({ model, native_schema: schema }) => ({
    endpoint: toEndpoint(model?.model ?? ''),
    ...(schema !== undefined && { schema }),
  }),
  toError: toProductError,
});

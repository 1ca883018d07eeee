/** Models as the platform's catalogue has them: lists, records, prices, schemas, and those of its community. */
import {
  type ContentBlock,
  defineTool,
  getModel,
  isObject,
  type JsonObject,
  listCapabilities,
  maxShortBytes,
  readModelRecord,
  searchCommunity,
  searchModels,
  type Told,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';
import { documentText, howToFind, platform, toAir, toModel, toProductError } from '../words.ts';

const air = z.string().min(1).max(300).describe('Model identifier (AIR) or slug');
const limit = z.coerce.number().int().min(1).max(100).optional();
const offset = z.coerce.number().int().min(0).max(100_000).optional();
const shared = {
  annotations: readOnly,
  outputSchema: 'none',
  isContentOnly: true,
  toError: toProductError,
} as const;

export const listModelsTool = defineTool({
  ...shared,
  name: 'list_models',
  title: 'List models',
  description:
    'List curated models, highest weight first, each with its identifier (AIR) for run. Filter by capability (ids: list_capabilities), category, creator or free text. Call this first when the user names a model; use model_search only if nothing here matches. limit shows more of each.',
  operation: searchModels,
  input: z.looseObject({
    capability: word(),
    category: word(),
    creator: word(),
    search: word(),
    limit,
  }),
  inputSchema: {
    type: 'object',
    properties: {
      capability: { type: 'string', description: 'Capability id, e.g. io:text-to-image' },
      category: {
        type: 'string',
        enum: ['image', 'video', 'audio', 'text', '3d'],
        description: 'Medium',
      },
      creator: { type: 'string', description: 'Creator id, e.g. xai' },
      search: { type: 'string', description: 'Free text' },
    },
  },
  toInput: ({ capability, category, creator, search, limit: most }) => ({
    provider: platform,
    with_names: true,
    ...(capability !== undefined && { capability }),
    ...(category !== undefined && { category }),
    ...(creator !== undefined && { creator }),
    ...(search !== undefined && { query: search }),
    ...(most !== undefined && { limit: most }),
  }),
  present({ items = [], page, stale }) {
    const total = page?.total ?? items.length;
    const lines = items.map(({ model, title, summary, capabilities = [], price }) =>
      [
        title === undefined ? toAir(model) : `${title} (${toAir(model)})`,
        summary === undefined || summary === title ? undefined : ` — ${summary}`,
        capabilities.length === 0 ? undefined : ` [${capabilities.join(', ')}]`,
        price === undefined || price === 'not told' ? undefined : ` — ${price}`,
      ]
        .filter(Boolean)
        .join(''),
    );
    const rest = total - items.length;
    return [
      text(
        [
          `Curated models (${total}):`,
          '',
          ...lines,
          ...(rest > 0 ? [`… ${rest} more: narrow the list, or limit=${Math.min(total, 100)}.`] : []),
          ...(total === 0 ? ['Nothing curated matches: try other filters, or model_search.'] : []),
          ...(stale === true ? ['The platform cannot be reached now: this is its last known list.'] : []),
        ].join('\n'),
      ),
    ];
  },
});

/** What is no text is as if it were not given, as in the product. */
function word() {
  return z
    .unknown()
    .transform((value) => (typeof value === 'string' && value !== '' ? value.slice(0, 100) : undefined))
    .optional();
}

export const modelDetailsTool = defineTool({
  ...shared,
  name: 'model_details',
  title: 'Model details',
  description:
    'Full metadata of one curated model: name, capabilities, description, creator, cover image. For prices use model_pricing.',
  operation: readModelRecord,
  input: z.object({ air }),
  renamed: { model: 'air' },
  toInput: (args) => ({ model: toModel(args.air), part: 'about' as const }),
  present: ({ record }) => [documentText('', record)],
  toFailure: ({ record }, { args }) => (record === undefined ? notCurated(args?.air) : undefined),
  toError: toRecordError,
});

export const modelExamplesTool = defineTool({
  ...shared,
  name: 'model_examples',
  title: 'Model examples',
  description:
    'Curated prompts and outputs of a model, to copy a working request into run; free. As many as fit are shown, and the rest with offset.',
  operation: readModelRecord,
  input: z.looseObject({
    air,
    capability: z.string().max(100).optional().describe('Only of this capability'),
    offset,
    limit,
  }),
  inputSchema: {
    type: 'object',
    properties: {
      air: { type: 'string', description: 'Model identifier (AIR) or slug' },
      capability: { type: 'string', description: 'Only examples of this capability' },
    },
    required: ['air'],
  },
  renamed: { model: 'air' },
  toInput: (args) => ({
    model: toModel(args.air),
    part: 'examples' as const,
    ...(args.capability !== undefined && { capability: args.capability }),
  }),
  present({ record, title, model = '' }, { args }) {
    const name = `${title ?? ''} (${toAir(model)})`;
    const all: unknown[] = Array.isArray(record) ? record : [];
    if (all.length === 0) return [text(`No examples found for ${name}`)];
    const { offset: first = 0, limit: most } = args ?? {};
    return [text(exampleText(name, all, { first, most, air: toAir(model) }))];
  },
  toError: toRecordError,
});

/** Numbered from one: "the third example" is the third, on whichever page. */
function exampleText(
  name: string,
  all: readonly unknown[],
  { first, most, air: id }: { first: number; most: number | undefined; air: string },
): string {
  const head = `Examples for ${name}:\n`;
  const lines: string[] = [];
  const tail = (shown: number) =>
    first + shown >= all.length
      ? ''
      : `\n… ${all.length - first - shown} more: model_examples(air="${id}", offset=${first + shown})`;
  for (const [at, example] of all.slice(first).entries()) {
    const line = `\n${first + at + 1}. ${JSON.stringify(example)}`;
    const bytes = Buffer.byteLength(head + lines.join('') + line + tail(at + 1));
    if (most === undefined ? lines.length > 0 && bytes > maxShortBytes : lines.length >= most) break;
    lines.push(line);
  }
  if (lines.length === 0)
    return `No examples found for ${name} from ${first + 1} on; there are ${all.length}.`;
  return head + lines.join('') + tail(lines.length);
}

export const modelPricingTool = defineTool({
  ...shared,
  name: 'model_pricing',
  title: 'Model pricing',
  description:
    'Pricing of one model: overview and prices of configurations, from the platform. Budget with it before run; run takes max_cost too.',
  operation: readModelRecord,
  input: z.object({ air }),
  renamed: { model: 'air' },
  toInput: (args) => ({ model: toModel(args.air), part: 'prices' as const }),
  present({ record, title, model = '' }) {
    const name = `${title ?? ''} (${toAir(model)})`;
    if (record === undefined) return [text(`No pricing info for ${name}`)];
    return [documentText(`Pricing for ${name}:`, record)];
  },
  toError: toRecordError,
});

export const listCapabilitiesTool = defineTool({
  ...shared,
  name: 'list_capabilities',
  title: 'List capabilities',
  description: 'The whole taxonomy with labels (io:*, op:*, form:*), to choose a filter of list_models.',
  operation: listCapabilities,
  input: z.object({}),
  toInput: () => ({ provider: platform }),
  present({ capabilities = [] }) {
    const head = `Available capabilities (${capabilities.length}):\n`;
    const list = (width: number) =>
      [head, ...capabilities.map(({ id, label }) => `${id.padEnd(width)} — ${label}`)].join('\n');
    const padded = list(28);
    return [text(Buffer.byteLength(padded) <= maxShortBytes ? padded : list(0))];
  },
});

export const modelSearchTool = defineTool({
  ...shared,
  name: 'model_search',
  title: 'Search models',
  description:
    'Search community and Civitai models and user uploads. Only after list_models had no match, or when the user asks for a community model; not for first-party families. Run a result by its AIR.',
  operation: searchCommunity,
  input: z.looseObject({
    search: z.string().max(500).describe('Free text'),
    category: z.string().max(100).optional().describe('Kind of weights'),
    type: z.string().max(100).optional().describe('Kind of checkpoint'),
    architecture: z.string().max(100).optional().describe('Architecture, e.g. sdxl'),
    tags: z.array(z.string()).max(20).optional().describe('Tags'),
    limit,
    offset,
  }),
  inputSchema: {
    type: 'object',
    properties: {
      search: { type: 'string', description: 'Free text' },
      category: {
        type: 'string',
        enum: ['checkpoint', 'lora', 'lycoris', 'vae', 'embeddings'],
        description: 'Kind of weights',
      },
      type: {
        type: 'string',
        enum: ['base', 'inpainting', 'refiner'],
        description: 'Of checkpoints',
      },
      architecture: { type: 'string', description: 'E.g. sdxl' },
      tags: { type: 'array', items: { type: 'string' }, description: 'Tags' },
    },
    required: ['search'],
  },
  toInput: ({ search, category, type, architecture, tags, ...page }) => ({
    provider: platform,
    search,
    ...(category !== undefined && { category }),
    ...(type !== undefined && { type }),
    ...(architecture !== undefined && { architecture }),
    ...(tags !== undefined && { tags }),
    ...(page.limit !== undefined && { limit: page.limit }),
    ...(page.offset !== undefined && { offset: page.offset }),
  }),
  present({ models = [], total = 0 }, { args }) {
    if (models.length === 0) return [text('No models found.')];
    const lines = models.map(({ id, name, version, category, architecture, tags }) =>
      [
        `AIR: ${id}`,
        name && `Name: ${name}`,
        version && `Version: ${version}`,
        category && `Category: ${category}`,
        architecture && `Architecture: ${architecture}`,
        tags !== undefined && tags.length > 0 && `Tags: ${tags.join(', ')}`,
      ]
        .filter(Boolean)
        .join(' | '),
    );
    return [
      text(
        fitting(`Found ${total} model(s):\n`, lines, {
          first: args?.offset ?? 0,
          total,
          isWhole: args?.limit !== undefined,
        }),
      ),
    ];
  },
});

/** As many lines as fit, and how the rest is asked for. */
function fitting(
  head: string,
  lines: readonly string[],
  { first, total, isWhole }: { first: number; total: number; isWhole: boolean },
): string {
  const textOf = (count: number) => {
    const rest = total - first - count;
    const more = rest > 0 ? [`… ${rest} more: narrow the search, or offset=${first + count}`] : [];
    return [head, ...lines.slice(0, count), ...more].join('\n');
  };
  if (isWhole) return textOf(lines.length);
  let count = lines.length;
  while (count > 1 && Buffer.byteLength(textOf(count)) > maxShortBytes) count -= 1;
  return textOf(count);
}

/** Ours to fill in, as the product hides it (RWD-02). */
const hiddenFields = ['taskType', 'taskUUID', 'webhookURL', 'deliveryMethod'];
const maxSchemaChars = 60_000;

export const modelSchemaTool = defineTool({
  ...shared,
  name: 'model_schema',
  title: 'Model schema',
  description:
    "JSON Schema of a model's parameters, as the platform wrote it, also as a resource. Call before the first run of an unfamiliar model.",
  operation: getModel,
  input: z.object({ model: air }),
  renamed: { sections: undefined },
  toInput: ({ model }) => ({
    model: toModel(model),
    sections: ['native_schema' as const],
    max_chars: maxSchemaChars,
  }),
  present({ native_schema: schema, model }): ContentBlock[] {
    if (schema === undefined) return [];
    const id = toAir(model?.model ?? '');
    return [
      text(JSON.stringify(toShown(schema), null, 2)),
      {
        type: 'resource_link',
        uri: `inferry://models/${platform}/${encodeURIComponent(id)}/native-schema`,
        name: `${id} schema`,
        mimeType: 'application/schema+json',
      },
    ];
  },
  toError: (error, told) =>
    error.code === 'model_not_found'
      ? { ...error, message: `No schema found for model: ${told.args?.model ?? ''}` }
      : toProductError(error, told),
});

/** Without what says which document it is, and without the fields that the server fills in. */
function toShown({ $schema: _dialect, $id: _id, properties, required, ...rest }: JsonObject): JsonObject {
  const shown = isObject(properties)
    ? Object.fromEntries(Object.entries(properties).filter(([name]) => !hiddenFields.includes(name)))
    : {};
  const needed = Array.isArray(required) ? required.filter((name) => !hiddenFields.includes(name)) : [];
  return { ...rest, properties: shown, ...(needed.length > 0 && { required: needed }) };
}

function toRecordError(
  error: Parameters<typeof toProductError>[0],
  told: Told<{ air: string }>,
): ReturnType<typeof toProductError> {
  return error.code === 'model_not_found' ? notCurated(told.args?.air) : toProductError(error, told);
}

function notCurated(id: string | undefined) {
  return {
    code: 'model_not_found' as const,
    message: `No curated model found for AIR: ${toAir(id ?? '').slice(0, 100)}`,
    next_action: howToFind,
  };
}

/** Wrappers as their users meet them: lists, a shortlist, one in short, and its parts one by one for whoever edits it. */
import {
  defineTool,
  type ErrorEnvelope as Envelope,
  ErrorEnvelope,
  getModel,
  isObject,
  type JsonObject,
  searchModels,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';
import { clampLimit, platform, toEndpoint, toModel, toProductError } from '../words.ts';
import {
  CardPage,
  definePages,
  defineShortlist,
  describeModel,
  Field,
  fieldLine,
  limit,
  page,
  presentCardPage,
  toCardPage,
} from './discovery.ts';

const endpoint = z.string().min(1).max(250).describe('owner/name of a wrapper');
const object = z.record(z.string(), z.unknown());
const wrapper = 'wrapper' as const;

export const listWrappersTool = definePages({
  name: 'list_wrappers',
  title: 'List wrappers',
  description:
    'Wrappers (products with inputs and a prompt template of their own, built on base models), page by page.',
  kind: wrapper,
});

export const recommendedWrappersTool = defineShortlist({
  name: 'recommended_wrappers',
  title: 'Recommended wrappers',
  description: 'The curated shortlist of wrappers for image, video or utility, best first.',
  kind: wrapper,
});

export const listMyWrappersTool = defineTool({
  name: 'list_my_wrappers',
  title: 'List my wrappers',
  description: 'Your own wrappers, drafts included, page by page.',
  annotations: readOnly,
  operation: searchModels,
  input: z.object({ page, limit }),
  output: CardPage,
  toInput: ({ page: number = 1, limit: size }) => ({
    mine: true,
    kind: wrapper,
    provider: platform,
    include_offline: true,
    page_number: number,
    ...(size !== undefined && { limit: clampLimit(size) }),
  }),
  present: (found, { args }) => presentCardPage(found, args),
  toStructured: (found, { args }) => toCardPage(found, args),
  toError: toProductError,
});

type Described = z.infer<typeof getModel.reply>;

/** A model is no wrapper, whoever asks for it here. */
function refuseModel({ model }: Described): Envelope | undefined {
  if (model === undefined || model.kind === undefined || model.kind === wrapper) return undefined;
  return toProductError({
    code: 'wrapper_not_found',
    message: `${toEndpoint(model.model)} is a model, not a wrapper.`,
    retryable: false,
    next_action: 'get_model describes it; list_wrappers has the wrappers.',
  });
}

const renamed = { model: 'endpoint', sections: undefined, max_chars: undefined, offset: undefined };
const errors = { toFailure: refuseModel, toError: toProductError };
const maxChars = 60_000;
const shortParts = ['summary', 'inputs', 'pricing', 'template', 'mappings'] as const;

export const getWrapperTool = defineTool({
  name: 'get_wrapper',
  title: 'Get wrapper',
  description:
    'One wrapper in short: inputs, base models, price and the beginning of its template. Whole parts: get_wrapper_raw_schema, get_wrapper_prompt_template, get_wrapper_field_mappings.',
  annotations: readOnly,
  operation: getModel,
  renamed,
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('Pass to run_model'),
    id: z.string().optional().describe('Pass to patch_wrapper'),
    name: z.string().optional().describe('Name'),
    description: z.string().optional().describe('One line'),
    category: z.string().optional().describe('Category'),
    visibility: z.string().optional().describe('private, unlisted or public'),
    status: z.string().optional().describe('draft or published'),
    inputs: z.array(Field).optional().describe('Inputs, long choices cut'),
    defaultBaseModel: z.string().optional().describe('Used unless input.base_model names another'),
    baseModels: z.array(z.string()).optional().describe('Models that it runs on'),
    promptTemplate: z.string().optional().describe('Handlebars'),
    pricing: object.optional().describe('Price of the default base model'),
    hint: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({
    model: toModel(name),
    sections: [...shortParts],
    brief: true,
  }),
  present(described) {
    const {
      baseModels,
      defaultBaseModel,
      promptTemplate,
      inputs = [],
      pricing,
      hint,
      ...rest
    } = toWrapper(described);
    const standing = [rest.visibility, rest.status].filter((word) => word !== undefined).join(', ');
    const lines = [
      `${rest.name ?? rest.endpoint} (${rest.endpoint}): ${rest.description ?? ''}${standing === '' ? '' : ` [${standing}]`}`,
      ...(rest.id === undefined ? [] : [`Id: ${rest.id}`]),
      ...(inputs.length > 0 ? ['Inputs:', ...inputs.map(fieldLine)] : []),
      ...(defaultBaseModel === undefined
        ? []
        : [`Base models: ${(baseModels ?? []).join(', ')} (default ${defaultBaseModel})`]),
      ...(promptTemplate === undefined ? [] : [`Template: ${promptTemplate}`]),
      ...(pricing === undefined ? [] : [`Pricing: ${JSON.stringify(pricing)}`]),
      ...(hint === undefined ? [] : [`Next: ${hint}`]),
    ];
    return [text(lines.join('\n'))];
  },
  toStructured: toWrapper,
  ...errors,
});

function toWrapper(described: Described) {
  const { template, truncated = [] } = described;
  const { id: _id, outputs: _outputs, examples: _examples, hint, ...shown } = describeModel(described);
  const { id, visibility, status, defaultBaseModelId, baseModels } = toMappings(described);
  const isCut = truncated.includes('template');
  const rest = isCut
    ? `get_wrapper_prompt_template(endpoint="${shown.endpoint}") has the whole template`
    : hint;
  return {
    ...shown,
    ...(id !== undefined && { id }),
    ...(visibility !== undefined && { visibility }),
    ...(status !== undefined && { status }),
    ...(defaultBaseModelId !== undefined && { defaultBaseModel: defaultBaseModelId }),
    ...(baseModels !== undefined && { baseModels: baseModels.map(({ baseModelId }) => baseModelId) }),
    ...(template !== undefined && { promptTemplate: template }),
    ...(rest !== undefined && { hint: rest }),
  };
}

/** The mappings section in the product's words, in the form that patch_wrapper takes. */
function toMappings({ mappings = {} }: Described) {
  const {
    wrapper_id: id,
    visibility,
    status,
    default_base_model: base,
    base_models: bases,
    context,
  } = mappings;
  return {
    ...(typeof id === 'string' && { id }),
    ...(typeof visibility === 'string' && { visibility }),
    ...(typeof status === 'string' && { status }),
    ...(typeof base === 'string' && { defaultBaseModelId: toEndpoint(base) }),
    ...(Array.isArray(bases) && { baseModels: bases.filter(isObject).map(toBase) }),
    ...(isObject(context) && { templateContext: context }),
  };
}

function toBase({ model, mappings }: JsonObject) {
  return {
    baseModelId: toEndpoint(String(model)),
    fieldMappings: isObject(mappings)
      ? Object.fromEntries(Object.entries(mappings).map(([name, value]) => [toCamel(name), value]))
      : {},
  };
}

function toCamel(name: string): string {
  return name.replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase());
}

export const getWrapperRawSchemaTool = defineTool({
  name: 'get_wrapper_raw_schema',
  title: 'Raw schema of a wrapper',
  description: "JSON Schema of a wrapper's inputs, with every choice.",
  annotations: readOnly,
  operation: getModel,
  renamed,
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('The wrapper'),
    schema: object.optional().describe('JSON Schema of its input'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({
    model: toModel(name),
    sections: ['summary' as const, 'native_schema' as const],
  }),
  present: ({ native_schema: schema }) => [text(JSON.stringify(schema ?? {}, undefined, 1))],
  toStructured: ({ model, native_schema: schema }) => ({
    endpoint: toEndpoint(model?.model ?? ''),
    ...(schema !== undefined && { schema }),
  }),
  ...errors,
});

export const getWrapperPromptTemplateTool = defineTool({
  name: 'get_wrapper_prompt_template',
  title: 'Prompt template of a wrapper',
  description: "A wrapper's Handlebars prompt template and its templateContext, whole.",
  annotations: readOnly,
  operation: getModel,
  renamed,
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('The wrapper'),
    promptTemplate: z.string().optional().describe('Handlebars'),
    templateContext: object.optional().describe('maps and constants'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({
    model: toModel(name),
    sections: ['summary' as const, 'template' as const, 'mappings' as const],
    max_chars: maxChars,
  }),
  present({ template = '', mappings = {} }) {
    return [text(`${template}\n\ntemplateContext: ${JSON.stringify(mappings.context ?? {})}`)];
  },
  toStructured: (described) => ({
    endpoint: toEndpoint(described.model?.model ?? ''),
    promptTemplate: described.template ?? '',
    templateContext: toMappings(described).templateContext ?? {},
  }),
  ...errors,
});

export const getWrapperFieldMappingsTool = defineTool({
  name: 'get_wrapper_field_mappings',
  title: 'Field mappings of a wrapper',
  description:
    "A wrapper's field mappings for each base model and its default one, in the form that patch_wrapper takes.",
  annotations: readOnly,
  operation: getModel,
  renamed,
  input: z.object({ endpoint }),
  output: z.object({
    endpoint: z.string().optional().describe('The wrapper'),
    id: z.string().optional().describe('Pass to patch_wrapper'),
    defaultBaseModelId: z.string().optional().describe('The default one'),
    baseModels: z.array(object).optional().describe('baseModelId and fieldMappings of each'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ endpoint: name }) => ({
    model: toModel(name),
    sections: ['summary' as const, 'mappings' as const],
    max_chars: maxChars,
  }),
  present: (described) => [text(JSON.stringify(toFieldMappings(described), undefined, 1))],
  toStructured: toFieldMappings,
  ...errors,
});

function toFieldMappings(described: Described) {
  const { id, defaultBaseModelId, baseModels } = toMappings(described);
  return {
    endpoint: toEndpoint(described.model?.model ?? ''),
    ...(id !== undefined && { id }),
    ...(defaultBaseModelId !== undefined && { defaultBaseModelId }),
    ...(baseModels !== undefined && { baseModels }),
  };
}

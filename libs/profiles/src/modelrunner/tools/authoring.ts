/** Wrappers as their authors make them: the guide, a preview, and what is created, changed and deleted of one's own. */
import {
  createWrapper,
  defineTool,
  deleteWrapper,
  ErrorEnvelope,
  isObject,
  type JsonObject,
  patchWrapper,
  previewWrapper,
  problemLine,
  text,
  type Wrapper,
  wrapperGuide,
} from '@inferry/contracts';
import { z } from 'zod';
import { destructive, readOnly, write } from '../../annotations.ts';
import { toEndpoint, toModel, toProductError } from '../words.ts';

const object = z.record(z.string(), z.unknown());
const words = z.array(z.string().describe('Word'));
const id = z.string().min(1).max(250).describe('Id of your wrapper, or its owner/alias');

export const wrapperAuthoringGuideTool = defineTool({
  name: 'wrapper_authoring_guide',
  title: 'Wrapper authoring guide',
  description:
    'The rulebook for schemas, templates and field mappings of wrappers. Read it before you draft one.',
  annotations: readOnly,
  operation: wrapperGuide,
  renamed: { section: undefined },
  input: z.object({}),
  output: z.object({
    guide: z.string().optional().describe('Markdown'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: () => ({}),
  present: ({ guide = '' }) => [text(toProductGuide(guide))],
  toStructured: ({ guide }) => (guide === undefined ? {} : { guide: toProductGuide(guide) }),
  toError: toProductError,
});

/** The fields of a definition that the product calls something else; both names are taken. */
const fieldNames: Readonly<Record<string, string>> = {
  title: 'name',
  summary: 'shortDescription',
  cover_url: 'thumbnailUrl',
  input_schema: 'schema',
  template: 'promptTemplate',
  context: 'templateContext',
  base_models: 'baseModels',
  default_base_model: 'defaultBaseModelId',
  model: 'baseModelId',
  mappings: 'fieldMappings',
  static_values: 'staticValues',
  collect_fields: 'collectFields',
};

/** What the guide says in calls, said with the calls that there are here. */
const ownSections: Readonly<Record<string, string>> = {
  Steps: `1. Choose a base model: recommended_models(category="image") or search(query=…).
2. Read what it takes: get_model(endpoint=…), and get_model_raw_schema(endpoint=…) for exact types. Every field that a wrapper makes must be one of these.
3. Draft a definition (below), and look at what it makes: preview_wrapper(promptTemplate, templateContext, sampleInput, fieldMappings). Preview with optional fields left out too: the text must read well without them.
4. create_wrapper(alias=…, schema=…, …): it is private and a draft, and only you can find and run it.
5. Try it: run_model(endpoint="<owner>/<alias>", input={…}), then wait_for_request.
6. Publish it: patch_wrapper(id=…, visibility="public", status="published").`,
  Changes: `patch_wrapper changes the fields that it names, and whole ones: baseModels is replaced, not merged (get_wrapper_field_mappings has it in the form that patch_wrapper takes). null in patch takes an optional field away. delete_wrapper cannot be undone; requests that it started go on.`,
};

function toProductGuide(guide: string): string {
  return guide
    .split(/^(?=## )/m)
    .map((section) => {
      const title = /^## (.*)/.exec(section)?.[1] ?? '';
      const own = ownSections[title];
      return own === undefined ? inProductNames(section) : `## ${title}\n\n${own}\n\n`;
    })
    .join('')
    .trimEnd();
}

function inProductNames(section: string): string {
  return section
    .replace(/(["`])([a-z_]+)\1/g, (whole, mark: string, name: string) =>
      Object.hasOwn(fieldNames, name) ? `${mark}${fieldNames[name]}${mark}` : whole,
    )
    .replace('`run_model(model=', '`run_model(endpoint=');
}

export const previewWrapperTool = defineTool({
  name: 'preview_wrapper',
  title: 'Preview wrapper',
  description:
    'Dry-run of a prompt template and field mappings against a sample input: the input that a base model would get. Creates nothing and costs nothing; whether the base model takes every key is checked by create_wrapper.',
  annotations: readOnly,
  operation: previewWrapper,
  renamed: { definition: undefined, wrapper_id: undefined, sample_input: 'sampleInput' },
  input: z.object({
    promptTemplate: z.string().describe('Handlebars'),
    templateContext: object.optional().describe('maps and constants'),
    sampleInput: object.describe('Input of a caller'),
    fieldMappings: object.optional().describe('collectFields, staticValues, presets, renames, omit'),
  }),
  output: z.object({
    prompt: z.string().optional().describe('Rendered prompt'),
    input: object.optional().describe('What the base model would get'),
    problems: z.array(z.string()).optional().describe('What is wrong'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ promptTemplate, templateContext, sampleInput, fieldMappings }) => ({
    definition: {
      prompt_template: promptTemplate,
      ...(templateContext !== undefined && { template_context: templateContext }),
      ...(fieldMappings !== undefined && { field_mappings: fieldMappings }),
    },
    sample_input: sampleInput,
  }),
  present(reply) {
    const { input, problems = [] } = toPreview(reply);
    return [
      text(
        [JSON.stringify(input ?? {}, undefined, 1), ...problems.map((one) => `Problem: ${one}`)].join('\n'),
      ),
    ];
  },
  toStructured: toPreview,
  toError: toProductError,
});

function toPreview({ prompt, mapped_input: input, problems = [] }: z.infer<typeof previewWrapper.reply>) {
  return {
    ...(prompt !== undefined && { prompt }),
    ...(input !== undefined && { input }),
    ...(problems.length > 0 && { problems: problems.map(problemLine) }),
  };
}

const design = {
  alias: z.string().describe('URL-safe name, unique among yours'),
  name: z.string().optional().describe('Display name'),
  category: z.string().optional().describe('e.g. text-to-image'),
  shortDescription: z.string().optional().describe('One line'),
  description: z.string().optional().describe('Markdown'),
  thumbnailUrl: z.string().optional().describe('https URL'),
  tags: words.optional().describe('Tags'),
  inputModalities: words.optional().describe('e.g. text, image'),
  outputModalities: words.optional().describe('e.g. image'),
  schema: object.optional().describe('{components:{schemas:{Input: JSON Schema}}}'),
  promptTemplate: z.string().optional().describe('Handlebars, at most 50 KB'),
  templateContext: object.optional().describe('{maps:{group:{key:text}},constants:{name:text}}'),
  defaultBaseModelId: z.string().optional().describe('id or endpoint of a model'),
  baseModels: z
    .array(object.describe('{baseModelId, fieldMappings}'))
    .optional()
    .describe('Models that it runs on, each with its field mappings'),
  visibility: z.enum(['private', 'unlisted', 'public']).optional().describe('Default private'),
  status: z.enum(['draft', 'published']).optional().describe('Default draft'),
};

const WrapperResult = z.object({
  id: z.string().optional().describe('Pass to patch_wrapper'),
  endpoint: z.string().optional().describe('Pass to run_model'),
  visibility: z.string().optional().describe('private, unlisted or public'),
  status: z.string().optional().describe('draft or published'),
  name: z.string().optional().describe('Name'),
  defaultBaseModel: z.string().optional().describe('Used unless input.base_model names another'),
  baseModels: z.array(z.string()).optional().describe('Models that it runs on'),
  warnings: z.array(z.string()).optional().describe('What may be a mistake'),
  broken: z.array(z.string()).optional().describe('Why it cannot be run'),
  error: ErrorEnvelope.optional(),
});

export const createWrapperTool = defineTool({
  name: 'create_wrapper',
  title: 'Create wrapper',
  description:
    'Create a wrapper that you own: private and a draft unless you say otherwise, callable by you at once. Every key that it makes must be an input of each base model. Read wrapper_authoring_guide first, and get_model for the inputs of the base models.',
  annotations: write,
  operation: createWrapper,
  renamed: { definition: undefined, client_ref: undefined },
  input: z.object(design),
  output: WrapperResult,
  toInput: ({ visibility, status, ...fields }) => ({
    definition: toDefinition(fields),
    ...(visibility !== undefined && { visibility }),
    ...(status !== undefined && { status }),
  }),
  present: ({ wrapper }) => presentWrapper(wrapper, 'Created'),
  toStructured: ({ wrapper }) => toResult(wrapper),
  toError: toProductError,
});

const { alias, ...others } = design;

export const patchWrapperTool = defineTool({
  name: 'patch_wrapper',
  title: 'Patch wrapper',
  description:
    'Change one of your wrappers by id: fields of create_wrapper, beside the id or in patch; the others stay. baseModels replaces the whole list.',
  annotations: destructive,
  operation: patchWrapper,
  renamed: { wrapper_id: 'id', if_version: undefined },
  input: z.object({
    id,
    alias: alias.optional(),
    ...others,
    patch: object.optional().describe('Or all changes here'),
  }),
  output: WrapperResult,
  toInput: ({ id: wrapper_id, patch = {}, ...fields }) => ({
    wrapper_id,
    patch: toDefinition({ ...patch, ...fields }),
  }),
  present: ({ wrapper }) => presentWrapper(wrapper, 'Changed'),
  toStructured: ({ wrapper }) => toResult(wrapper),
  toError: toProductError,
});

export const deleteWrapperTool = defineTool({
  name: 'delete_wrapper',
  title: 'Delete wrapper',
  description: 'Delete one of your wrappers. Requests that were made with it stay.',
  annotations: destructive,
  operation: deleteWrapper,
  renamed: { wrapper_id: 'id' },
  input: z.object({ id }),
  output: z.object({
    id: z.string().optional().describe('The wrapper'),
    deleted: z.boolean().optional().describe('Done'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ id: wrapper_id }) => ({ wrapper_id }),
  present: (_reply, { args }) => [text(`Deleted: ${args?.id ?? ''}`)],
  toStructured: ({ deleted }, { args }) => ({
    ...(args !== undefined && { id: args.id }),
    ...(deleted !== undefined && { deleted }),
  }),
  toError: toProductError,
});

/** With the base models by the names that they have here: an id or an endpoint of the platform. */
function toDefinition(fields: JsonObject): JsonObject {
  const { defaultBaseModelId: usual, baseModels: bases, ...rest } = withoutUndefined(fields);
  return {
    ...rest,
    ...(usual !== undefined && { defaultBaseModelId: toBaseName(usual) }),
    ...(bases !== undefined && { baseModels: Array.isArray(bases) ? bases.map(toBase) : bases }),
  };
}

function toBase(base: unknown): unknown {
  if (!isObject(base)) return toBaseName(base);
  const { baseModelId: model } = base;
  return model === undefined ? base : { ...base, baseModelId: toBaseName(model) };
}

function toBaseName(model: unknown): unknown {
  return typeof model === 'string' ? toModel(model) : model;
}

function withoutUndefined(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function toResult(wrapper: Wrapper | undefined): z.infer<typeof WrapperResult> {
  if (wrapper === undefined) return {};
  const { wrapper_id, model, visibility, status, title, warnings, broken } = wrapper;
  const { default_base_model: base, base_models: bases } = wrapper;
  return {
    id: wrapper_id,
    endpoint: toEndpoint(model),
    visibility,
    status,
    ...(title !== undefined && { name: title }),
    ...(base !== undefined && { defaultBaseModel: toEndpoint(base) }),
    ...(bases !== undefined && { baseModels: bases.map(toEndpoint) }),
    ...(warnings !== undefined && { warnings }),
    ...(broken !== undefined && { broken: broken.map(problemLine) }),
  };
}

function presentWrapper(wrapper: Wrapper | undefined, done: string) {
  const {
    id: own,
    endpoint,
    visibility,
    status,
    baseModels = [],
    warnings = [],
    broken = [],
  } = toResult(wrapper);
  return [
    text(
      [
        `${done}: ${endpoint} (id ${own}), ${visibility}, ${status}, on ${baseModels.join(', ')}.`,
        ...warnings.map((warning) => `Warning: ${warning}`),
        ...broken.map((problem) => `Broken: ${problem}`),
        `Next: run_model(endpoint="${endpoint}", input={…})`,
      ].join('\n'),
    ),
  ];
}

/** The profile that a file describes: canonical tools in its words, and a typed tool for each pinned model. */
import {
  type AnyTool,
  AppError,
  defineProfile,
  isObject,
  type JsonObject,
  type Profile,
  parseArguments,
  validationFailed,
} from '@inferry/contracts';
import { fileTools } from '@inferry/profiles';
import {
  isWithin,
  type Limits,
  type PinnedModel,
  type ProfileSpec,
  suggest,
  type ToolLook,
} from './profile-file.ts';

/** What is known of a pinned model. */
export interface KnownModel {
  /** Its input, portable. */
  schema: JsonObject;
  name?: string | undefined;
  description?: string | undefined;
}

export interface FileProfileParts {
  key: string;
  spec: ProfileSpec;
  /** By the names of their tools; a model that is not among them is not listed. */
  models: ReadonlyMap<string, KnownModel>;
}

export function createFileProfile({ key, spec, models }: FileProfileParts): Profile {
  const { limits = {} } = spec;
  const pinned = Object.entries(spec.models ?? {}).flatMap(([name, pin]) => {
    const known = models.get(name);
    return known === undefined ? [] : [pinnedTool(name, pin, { known, limits })];
  });
  const shown = Object.entries(spec.tools ?? {}).map(([name, look]) =>
    canonicalTool(name, look ?? {}, limits),
  );
  const profile = defineProfile({
    key,
    serverInfo: { name: key, title: spec.title },
    instructions: () => spec.instructions ?? `${spec.title}: call the tool that fits.`,
    // A hint to run a model is never a call of one pinned model.
    tools: shown,
    ...(limits.providers === undefined ? {} : { providers: limits.providers }),
    promptName: ({ name }, { provider, model }) => {
      if (limits.readonly === true || spec.tools?.run_model === undefined) return undefined;
      const isLimited = limits.providers !== undefined || limits.models !== undefined;
      return !isLimited || (provider !== undefined && model !== undefined && isWithin(model, limits))
        ? name
        : undefined;
    },
    // What the caller has made, and the view of it; models are described by the tools.
    hasResource: ({ uri }) => uri.startsWith('inferry://runs') || uri.startsWith('ui://'),
  });
  // With the ids of the canonical tools, by which everybody but this gateway knows them.
  return { ...profile, tools: [...pinned, ...shown] };
}

function canonicalTool(
  canonical: string,
  look: ToolLook & { name?: string | undefined },
  limits: Limits,
): AnyTool {
  const tool = toolNamed(canonical);
  const name = look.name ?? canonical;
  const only = limits.providers?.length === 1 ? limits.providers[0] : undefined;
  const fixed = {
    ...look.fixed,
    ...(canonical === 'search_models' && only !== undefined ? { provider: only } : {}),
  };
  const hidden = new Set([...Object.keys(fixed), ...(look.hide ?? [])]);
  const inputSchema = shapeSchema(tool.inputSchema, { defaults: look.defaults ?? {}, hidden });
  return {
    ...tool,
    ...textsOf(look, tool),
    name,
    inputSchema,
    renamed: { ...tool.renamed, ...Object.fromEntries([...hidden].map((one) => [one, undefined])) },
    toCall(raw) {
      const args = parseArguments({ ...tool, name }, complete(name, raw, { inputSchema, ...look, fixed }));
      if (canonical === 'run_model') args.max_cost = smaller(limits.max_cost, args.max_cost);
      if (args.model !== undefined && !isWithin(String(args.model), limits)) throw notWithin(limits);
      return args;
    },
  };
}

function pinnedTool(
  name: string,
  pin: PinnedModel,
  { known, limits }: { known: KnownModel; limits: Limits },
): AnyTool {
  const run = toolNamed('run_model');
  const fixed = pin.fixed ?? {};
  const hidden = new Set([...Object.keys(fixed), ...(pin.hide ?? [])]);
  const inputSchema = shapeSchema(known.schema, { defaults: pin.defaults ?? {}, hidden });
  const maxCost = smaller(limits.max_cost, pin.max_cost);
  return {
    ...run,
    name,
    title: pin.title ?? known.name ?? name,
    description: pin.description ?? known.description ?? `Runs ${pin.model}.`,
    inputSchema,
    // A call of any model is not what this one is for.
    renamed: Object.fromEntries(Object.keys(run.input.shape).map((argument) => [argument, undefined])),
    toCall: (raw) => ({
      model: pin.model,
      input: complete(name, raw, { ...pin, inputSchema, fixed }),
      ...(maxCost === undefined ? {} : { max_cost: maxCost }),
    }),
  };
}

/** What is wrong with the fields that a file sets of a model, by the schema that the model has now. */
export function* pinFaults(
  pin: PinnedModel,
  { schema }: KnownModel,
): Generator<{ at: string; message: string }> {
  const known = Object.keys(isObject(schema.properties) ? schema.properties : {});
  const fields = {
    defaults: Object.keys(pin.defaults ?? {}),
    fixed: Object.keys(pin.fixed ?? {}),
    hide: pin.hide ?? [],
  };
  for (const [at, names] of Object.entries(fields)) {
    for (const name of names)
      if (!known.includes(name))
        yield { at, message: `${pin.model} has no input ${name}${suggest(name, known)}` };
  }
  const required = Array.isArray(schema.required) ? schema.required : [];
  const given = { ...pin.defaults, ...pin.fixed };
  for (const name of fields.hide)
    if (required.includes(name) && !(name in given))
      yield { at: 'hide', message: `${pin.model} needs ${name}: give it under fixed` };
}

function shapeSchema(
  schema: JsonObject,
  { defaults, hidden }: { defaults: JsonObject; hidden: ReadonlySet<string> },
): JsonObject {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const shown = Object.entries(properties).filter(([name]) => !hidden.has(name));
  const required = Array.isArray(schema.required) ? schema.required : [];
  const { required: _all, ...rest } = schema;
  const needed = required.filter(
    (name) => !hidden.has(String(name)) && !Object.hasOwn(defaults, String(name)),
  );
  return {
    ...rest,
    type: 'object',
    properties: Object.fromEntries(
      shown.map(([name, field]) => [
        name,
        Object.hasOwn(defaults, name) && isObject(field) ? { ...field, default: defaults[name] } : field,
      ]),
    ),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
}

/** The arguments with what the file sets; what callers do not have is refused from them. */
function complete(
  name: string,
  raw: unknown,
  {
    inputSchema,
    defaults = {},
    fixed,
  }: { inputSchema: JsonObject; defaults?: JsonObject | undefined; fixed: JsonObject },
): JsonObject {
  const given = raw ?? {};
  if (!isObject(given)) throw validationFailed(name, [{ path: '', message: 'arguments must be an object' }]);
  const known = Object.keys(isObject(inputSchema.properties) ? inputSchema.properties : {});
  const unknown = Object.keys(given).filter((argument) => !known.includes(argument));
  if (unknown.length > 0)
    throw validationFailed(
      name,
      unknown.slice(0, 16).map((argument) => ({
        path: argument.slice(0, 100),
        message: 'unknown argument',
        hint: `known: ${known.join(', ')}`,
      })),
    );
  const set = Object.entries(given).filter(
    ([argument, value]) => value !== null || !Object.hasOwn(defaults, argument),
  );
  return { ...defaults, ...Object.fromEntries(set), ...fixed };
}

function smaller(limit: number | undefined, asked: unknown): number | undefined {
  if (typeof asked !== 'number') return limit;
  return limit === undefined ? asked : Math.min(limit, asked);
}

function notWithin({ providers, models }: Limits): AppError {
  const allowed = models ?? providers?.map((slug) => `${slug}/…`) ?? [];
  return new AppError('forbidden', 'This server does not run or show that model.', {
    nextAction: `Use one of: ${allowed.slice(0, 20).join(', ')}. Nothing was run or charged.`,
  });
}

function textsOf({ title, description }: ToolLook, tool: AnyTool): Pick<AnyTool, 'title' | 'description'> {
  return { title: title ?? tool.title, description: description ?? tool.description };
}

function toolNamed(name: string): AnyTool {
  const tool = fileTools.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool;
}

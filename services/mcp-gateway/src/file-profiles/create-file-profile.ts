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
      // All runs of a batch together are held to what one may cost.
      if (canonical === 'run_model' || canonical === 'run_batch')
        args.max_cost = smaller(limits.max_cost, args.max_cost);
      if (args.model !== undefined && !isWithin(String(args.model), limits)) throw notWithin(limits);
      return args;
    },
  };
}

/** The tool of one model, with the model's own input; `run` is the one that calls of it are made with. */
export function pinnedTool(
  name: string,
  pin: PinnedModel,
  { known, limits, run = toolNamed('run_model') }: { known: KnownModel; limits: Limits; run?: AnyTool },
): AnyTool {
  const fixed = pin.fixed ?? {};
  const hidden = new Set([...Object.keys(fixed), ...(pin.hide ?? [])]);
  const shaped = shapeSchema(known.schema, { defaults: pin.defaults ?? {}, hidden });
  const ref = refOf(pin);
  const inputSchema = ref === undefined ? shaped : withRef(shaped, ref, run);
  const maxCost = smaller(limits.max_cost, pin.max_cost);
  return {
    ...run,
    name,
    title: pin.title ?? known.name ?? name,
    description: pin.description ?? known.description ?? `Runs ${pin.model}.`,
    inputSchema,
    // A call of any model is not what this one is for.
    renamed: Object.fromEntries(Object.keys(run.input.shape).map((argument) => [argument, undefined])),
    toCall(raw) {
      const input = complete(name, raw, { ...pin, inputSchema, fixed });
      const given = ref === undefined ? undefined : input[ref];
      if (ref !== undefined) delete input[ref];
      return {
        model: pin.model,
        input,
        ...(given === undefined || given === null ? {} : { client_ref: given }),
        ...(maxCost === undefined ? {} : { max_cost: maxCost }),
      };
    },
  };
}

/** What callers call the key that makes a retry safe; undefined where the tool has none. */
function refOf({ client_ref: ref }: PinnedModel): string | undefined {
  return ref === true ? 'client_ref' : ref === false ? undefined : ref;
}

/** The key is an argument beside the model's own. */
function withRef(schema: JsonObject, ref: string, run: AnyTool): JsonObject {
  const { client_ref: shown } = isObject(run.inputSchema.properties) ? run.inputSchema.properties : {};
  return { ...schema, properties: { ...Object(schema.properties), [ref]: shown } };
}

export interface PinFault {
  /** Where in the part of the file that is about the model. */
  at: string[];
  message: string;
}

/** What is wrong with the fields that a file sets of a model, by the schema that the model has now. */
export function pinFaults(pin: PinnedModel, { schema }: KnownModel): PinFault[] {
  const { model, hide = [], defaults = {}, fixed = {} } = pin;
  const properties = isObject(schema.properties) ? schema.properties : {};
  const known = Object.keys(properties);
  const required: unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const nameFault = (name: string) =>
    known.includes(name) ? undefined : `${model} has no input ${name}${suggest(name, known)}`;
  const valueFaults = Object.entries({ defaults, fixed }).flatMap(([part, values]) =>
    Object.entries(values).map(([name, value]) => ({
      at: [part, name],
      message: nameFault(name) ?? valueFault(`${name} of ${model}`, properties[name], value),
    })),
  );
  const hideFaults = hide.map((name) => {
    const isMissed = required.includes(name) && !(name in defaults) && !(name in fixed);
    const message = nameFault(name) ?? (isMissed ? `${model} needs ${name}: give it under fixed` : undefined);
    return { at: ['hide'], message };
  });
  const ref = refOf(pin);
  const refFault = {
    at: ['client_ref'],
    message:
      ref !== undefined && known.includes(ref)
        ? `${model} has an input ${ref}: give client_ref another name`
        : undefined,
  };
  return [...valueFaults, ...hideFaults, refFault].flatMap(({ at, message }) =>
    message === undefined ? [] : [{ at, message }],
  );
}

/** Why a field cannot have a value, where its type or its choices say so plainly; the catalog checks every run. */
function valueFault(what: string, field: unknown, value: unknown): string | undefined {
  const { type, enum: choices } = isObject(field) ? field : {};
  if (Array.isArray(choices) && !choices.includes(value))
    return `${what} is one of ${choices.slice(0, 20).map(String).join(', ')}${suggest(String(value), choices.map(String))}`;
  const types = [type].flat().filter((one) => typeof one === 'string');
  return types.length === 0 || types.some((one) => isOfType(value, one))
    ? undefined
    : `${what} is ${types.join(' or ')}`;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
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
        hint: known.length === 0 ? 'it takes no arguments' : `known: ${known.join(', ')}`,
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

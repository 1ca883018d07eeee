/**
 * What an author says of a wrapper, as it is stored: checked for form here, against base models in `check-definition.ts`.
 * ModelRunner's own names for the fields are taken for ours, so that its definitions can be used as they are.
 */
import {
  isExactInteger,
  isObject,
  type JsonObject,
  type Problem,
  problemsOf,
  validationFailed,
} from '@inferry/contracts';
import { z } from 'zod';
import { maxDepth } from '../input/foreign-schema.ts';
import { mappingOperations } from './mappings.ts';

export const visibilities = ['private', 'unlisted', 'public'] as const;
export const wrapperStatuses = ['draft', 'published'] as const;

const maxBases = 8;
const maxEntries = 200;
/** As JSON, in characters: a call may carry little more. */
const maxDefinition = 200_000;

const fieldName = z.string().min(1).max(100);
const anyFields = z.record(fieldName, z.unknown());
const words = z.array(z.string().min(1).max(64)).max(20);

function atMost<T extends object>(value: T): boolean {
  return Object.keys(value).length <= maxEntries;
}
const tooMany = { message: `has more than ${maxEntries} entries` };

const MappingsShape = z.strictObject({
  collect_fields: z.record(fieldName, z.array(fieldName).min(1).max(64)).refine(atMost, tooMany).optional(),
  static_values: anyFields.refine(atMost, tooMany).optional(),
  presets: z
    .record(fieldName, z.record(z.string().max(200), anyFields).refine(atMost, tooMany))
    .refine(atMost, tooMany)
    .optional(),
  renames: z.record(fieldName, fieldName).refine(atMost, tooMany).optional(),
  omit: z.array(fieldName).max(maxEntries).optional(),
});

const text = z.union([z.string(), z.number(), z.boolean()]);

const Shape = z.strictObject({
  alias: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/, '1 to 64 of a-z, 0-9, dot, dash and underscore'),
  title: z.string().min(1).max(200).optional(),
  summary: z.string().max(500).optional(),
  description: z.string().max(20_000).optional(),
  category: z.string().min(1).max(64).optional(),
  tags: words.optional(),
  cover_url: z
    .url({ protocol: /^https$/, message: 'is no https URL' })
    .max(2_000)
    .optional(),
  input_modalities: words.optional(),
  output_modalities: words.optional(),
  input_schema: z.record(z.string(), z.unknown()),
  template: z.string().optional(),
  context: z
    .strictObject({
      maps: z.record(z.string(), z.record(z.string(), text)).optional(),
      constants: z.record(z.string(), text).optional(),
    })
    .optional(),
  default_base_model: z.string().min(1).max(300).optional(),
  base_models: z
    .array(z.strictObject({ model: z.string().min(1).max(300), mappings: MappingsShape.default({}) }))
    .min(1)
    .max(maxBases),
});

/** As it is stored; `default_base_model` is one of `base_models`, both by their ids. */
export type Definition = z.infer<typeof Shape>;

/** What a call says beside the definition, wherever it says it. */
export interface Standing {
  visibility?: (typeof visibilities)[number] | undefined;
  status?: (typeof wrapperStatuses)[number] | undefined;
  /** The version that a change is of. */
  version?: string | undefined;
}

const StandingShape = z.object({
  visibility: z.enum(visibilities).optional(),
  status: z.enum(wrapperStatuses).optional(),
  version: z.coerce.string().max(20).optional(),
});

/** ModelRunner's word, or another spelling, to ours. */
const synonyms: Readonly<Record<string, string>> = {
  name: 'title',
  short_description: 'summary',
  thumbnail_url: 'cover_url',
  schema: 'input_schema',
  prompt_template: 'template',
  template_context: 'context',
  default_base_model_id: 'default_base_model',
  base_model_id: 'model',
  base_model: 'model',
  field_mappings: 'mappings',
};

/** The fields under our names. What is not an object stays as it is, for the check to name. */
export function toKnownNames(raw: JsonObject): JsonObject {
  const named = renamed(raw);
  const schema = named.input_schema;
  const bases = asObject(named.base_models);
  return {
    ...named,
    ...(isObject(schema) && { input_schema: withBoundsHeld(inputPart(schema)) }),
    ...(isObject(named.context) && { context: withTextOfDigits(named.context) }),
    ...(isObject(named.mappings) && { mappings: toMappings(named.mappings) }),
    ...(Array.isArray(bases) && { base_models: bases.map(toBase) }),
  };
}

function toBase(raw: unknown): unknown {
  if (typeof raw === 'string') return { model: raw };
  if (!isObject(raw)) return raw;
  const base = renamed(raw);
  return isObject(base.mappings) ? { ...base, mappings: toMappings(base.mappings) } : base;
}

function renamed(raw: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [Object.hasOwn(synonyms, snake) ? (synonyms[snake] ?? snake) : snake, value];
    }),
  );
}

/** Models write what is nested as text now and then. */
function asObject(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    // Whoever checks it says what it is instead of an object.
    return value;
  }
}

/** `{components: {schemas: {Input}}}`, as OpenAPI documents have it, or the schema itself. */
function inputPart(schema: JsonObject): JsonObject {
  const { components } = schema;
  const schemas = isObject(components) ? components.schemas : undefined;
  return isObject(schemas) && isObject(schemas.Input) ? schemas.Input : schema;
}

function toMappings(raw: JsonObject): JsonObject {
  const mappings = renamed(raw);
  const { collect_fields: lists } = mappings;
  return Array.isArray(lists) ? { ...mappings, collect_fields: toLists(lists) } : mappings;
}

/** `[{into, from}]` says the same as `{into: from}`. */
function toLists(lists: readonly unknown[]): JsonObject {
  return Object.fromEntries(
    lists.filter(isObject).map((list) => {
      const into = list.into ?? list.target ?? list.field ?? list.to;
      return [String(into ?? ''), list.from ?? list.fields ?? list.sources ?? []];
    }),
  );
}

/** What a call gives: the definition under our names, and what stands beside it. */
export function splitDefinition(raw: JsonObject): { fields: JsonObject; standing: Standing } {
  const { visibility, status, version, ...fields } = toKnownNames(raw);
  const given = { visibility, status, version };
  const standing = StandingShape.safeParse(given);
  if (!standing.success) throw validationFailed('wrapper', toProblems(standing.error, given));
  return { fields, standing: standing.data };
}

/** Throws `validation_failed` with everything that has another form. */
export function parseDefinition(fields: JsonObject): Definition {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  const size = JSON.stringify(given).length;
  if (size > maxDefinition) throw validationFailed('definition', [problemOf('', 'is larger than 200 KB')]);
  if (isTooDeep(given, 0)) throw validationFailed('definition', [problemOf('', 'is nested too deeply')]);
  const parsed = Shape.safeParse(given);
  if (!parsed.success) throw validationFailed('definition', toProblems(parsed.error, given));
  return parsed.data;
}

const bounds = new Set(['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf']);

/** A bound beyond what a double holds is the nearest number that it does hold, as in the schemas of platforms. */
function withBoundsHeld(value: unknown, name = ''): unknown {
  if (isExactInteger(value)) return bounds.has(name) ? Number(value.$integer) : value;
  if (Array.isArray(value)) return value.map((item) => withBoundsHeld(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withBoundsHeld(child, key)]));
}

/** What templates read is text in the end: a number keeps its digits. */
function withTextOfDigits(value: unknown): unknown {
  if (isExactInteger(value)) return value.$integer;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withTextOfDigits(child)]));
}

/** Mappings of a draft that names no base model yet. */
export function parseMappings(raw: unknown): z.infer<typeof MappingsShape> {
  const parsed = MappingsShape.safeParse(raw ?? {});
  if (!parsed.success) throw validationFailed('mappings', toProblems(parsed.error, raw ?? {}));
  return parsed.data;
}

function isTooDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth > maxDepth || Object.values(value).some((child) => isTooDeep(child, depth + 1));
}

function toProblems(error: z.ZodError, value: unknown): Problem[] {
  const told = problemsOf(error, { value });
  return error.issues.slice(0, 16).map((issue, at) => {
    const path = issue.path.map(String).join('.').slice(0, 100);
    if (issue.code !== 'unrecognized_keys') return told[at] ?? problemOf(path, issue.message);
    const known = path.endsWith('mappings') ? mappingOperations : Object.keys(Shape.shape);
    return {
      ...problemOf([path, issue.keys[0]].filter(Boolean).join('.').slice(0, 100), 'unknown field'),
      ...(path === '' || path.endsWith('mappings') ? { hint: `known: ${known.join(', ')}` } : {}),
    };
  });
}

function problemOf(path: string, message: string): Problem {
  return { path, message };
}

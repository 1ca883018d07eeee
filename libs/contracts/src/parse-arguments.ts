/** Arguments of tools: what counts as given, what text or a lone value is read as, and what is refused. */
import type { z } from 'zod';
import type { Problem } from './content.ts';
import { AppError } from './errors.ts';
import { exactDigits, isExactInteger } from './json/read-json.ts';
import type { JsonObject } from './portable-schema.ts';

/**
 * Tool arguments as the handler gets them: coerced, without what is not set, then checked strictly. Throws
 * `validation_failed` with the field, the problem and a hint for each fault, before anything else happens.
 */
export function parseArguments<I extends z.ZodObject>(
  tool: { name: string; input: I; inputSchema: JsonObject },
  raw: unknown,
): z.infer<I> {
  const value = withoutUnset(tool.inputSchema, coerce(tool.inputSchema, isUnset(raw) ? {} : (raw ?? {})));
  if (!isObject(value))
    throw validationFailed(tool.name, [{ path: '', message: 'arguments must be an object' }]);
  const bad = unstorable(value);
  if (bad !== undefined) throw validationFailed(tool.name, [{ ...bad, path: clip(bad.path) }]);
  const known = Object.keys(tool.input.shape);
  const unknown = isOpen(tool.input) ? [] : Object.keys(value).filter((name) => !known.includes(name));
  const parsed = tool.input.safeParse(value);
  const problems: Problem[] = unknown.slice(0, 16).map((name) => ({
    path: clip(name),
    message: 'unknown argument',
    hint: known.length === 0 ? 'it takes no arguments' : `known: ${known.join(', ')}`,
  }));
  if (!parsed.success) {
    problems.push(...problemsOf(parsed.error, { schema: tool.inputSchema, value }));
  }
  // as: safeParse returns the schema's output; the generic is lost through `error`.
  if (problems.length === 0) return parsed.data as z.infer<I>;
  throw validationFailed(tool.name, problems);
}

/**
 * What a tool has made of its own arguments, which were put right before that: its schema alone looks at it again. What it refuses, or
 * what holds a field that is not set or that nobody knows, is put right like the arguments themselves.
 */
export function parseMade<I extends z.ZodObject>(
  operation: { name: string; input: I; inputSchema: JsonObject },
  made: unknown,
): z.infer<I> {
  if (isObject(made) && hasKnownFields(operation.input, made) && isAllStorable(made)) {
    const parsed = operation.input.safeParse(made);
    // as: safeParse returns the schema's output; the generic is lost through `error`.
    if (parsed.success) return parsed.data as z.infer<I>;
  }
  return parseArguments(operation, made);
}

function hasKnownFields({ shape }: z.ZodObject, made: JsonObject): boolean {
  for (const name of Object.keys(made)) if (isUnset(made[name]) || !Object.hasOwn(shape, name)) return false;
  return true;
}

/** Whether a schema takes fields that it does not name. */
function isOpen({ def }: z.ZodObject): boolean {
  return def.catchall !== undefined && def.catchall._zod.def.type !== 'never';
}

export function validationFailed(subject: string, problems: readonly Problem[]): AppError {
  return new AppError('validation_failed', `${subject}: ${problems.length} problem(s) with the input.`, {
    nextAction: 'Correct the fields and call again. Nothing was run or charged.',
    details: { errors: problems },
  });
}

/** What is wrong with a value that its schema refused, in words that need no knowledge of the library that found it. */
export function problemsOf(
  { issues }: { issues: readonly z.core.$ZodIssue[] },
  { schema = {}, value }: { schema?: JsonObject; value: unknown },
): Problem[] {
  return issues.slice(0, 16).map((issue) => toProblem(issue, schema, value));
}

function toProblem(issue: z.core.$ZodIssue, schema: JsonObject, value: unknown): Problem {
  const path = clip(issue.path.map(String).join('.'));
  const about = describe(schema, issue.path);
  switch (issue.code) {
    case 'invalid_value':
      return {
        path,
        message: 'is not one of the allowed values',
        hint: issue.values.map(String).join(', '),
      };
    case 'invalid_type':
      return isMissing(value, issue.path)
        ? { path, message: 'is required', hint: about }
        : { path, message: `must be ${typeNames[issue.expected] ?? issue.expected}`, hint: about };
    case 'too_small':
    case 'too_big':
      return { path, ...boundOf(issue) };
    case 'invalid_format':
      return issue.format === 'datetime'
        ? { path, message: 'is not a time', hint: 'RFC 3339, e.g. 2026-11-01T00:00:00Z' }
        : { path, message: 'does not have the expected form', hint: about ?? issue.pattern };
    default:
      return { path, message: issue.message };
  }
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

/** Of text and lists, how long they may be; of numbers, how large. */
function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): Omit<Problem, 'path'> {
  const isSmall = issue.code === 'too_small';
  const bound = isSmall ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'string') {
    if (isSmall && Number(issue.minimum) === 1) return { message: 'is empty' };
    return { message: isSmall ? 'is too short' : 'is too long', hint: `${bound} characters` };
  }
  if (issue.origin === 'array')
    return { message: isSmall ? 'has too few items' : 'has too many items', hint: bound };
  return { message: isSmall ? 'is too small' : 'is too large', hint: bound };
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let node = value;
  for (const name of path) {
    // as: the path leads through what was parsed.
    if (typeof node !== 'object' || node === null) return false;
    node = (node as Record<PropertyKey, unknown>)[name];
  }
  return node === undefined;
}

/** What the schema says of a field. */
function describe(schema: JsonObject, path: readonly PropertyKey[]): string | undefined {
  let node: unknown = schema;
  for (const name of path) {
    if (!isObject(node)) return undefined;
    const { properties, items } = node;
    node = typeof name === 'number' || !isObject(properties) ? items : properties[String(name)];
  }
  return isObject(node) && typeof node.description === 'string' ? node.description : undefined;
}

/** Field names come from the caller: never echo a huge one. */
function clip(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}…` : value;
}

// Values as agents send them: what counts as given, and what text or a lone value is read as.

/**
 * A value with what agents commonly get wrong put right by its JSON Schema: objects, arrays, numbers and booleans
 * that came as strings are parsed (RWD-02). Anything else is left for validation to refuse.
 */
export function coerce(schema: JsonObject, value: unknown): unknown {
  if (Array.isArray(schema.enum)) return toChoice(schema.enum, value);
  const types = typesOf(schema);
  const parsed = typeof value === 'string' ? fromString(types, value) : value;
  if (Array.isArray(parsed)) return coerceItems(schema, parsed);
  if (isObject(parsed) && !isExactInteger(parsed)) return coerceProperties(schema, parsed);
  return parsed;
}

/** The choice that reads the same: `5` for "5" and the other way round. */
function toChoice(choices: readonly unknown[], value: unknown): unknown {
  if (typeof value === 'object' || choices.includes(value)) return value;
  return choices.find((choice) => typeof choice !== 'object' && String(choice) === String(value)) ?? value;
}

function coerceItems(schema: JsonObject, items: unknown[]): unknown[] {
  const itemSchema = schema.items;
  if (!isObject(itemSchema)) return items;
  const coerced = items.map((item) => coerce(itemSchema, item));
  return coerced.some((item, at) => item !== items[at]) ? coerced : items;
}

function coerceProperties(schema: JsonObject, value: JsonObject): JsonObject {
  const properties = schema.properties;
  if (!isObject(properties)) return value;
  // Most are right as they are, and every call passes here.
  let coerced: JsonObject | undefined;
  for (const name of Object.keys(value)) {
    const fieldSchema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const field = isObject(fieldSchema) ? coerce(fieldSchema, value[name]) : value[name];
    if (field === value[name]) continue;
    coerced ??= { ...value };
    coerced[name] = field;
  }
  return coerced ?? value;
}

function fromString(types: readonly string[], value: string): unknown {
  if (types.length === 0 || types.includes('string')) return value;
  if (types.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true';
  if ((types.includes('number') || types.includes('integer')) && isNumeric(value)) return toNumber(value);
  if (types.includes('object') && value.trimStart().startsWith('{')) return parseAs(value, isObject);
  if (types.includes('array') && value.trimStart().startsWith('[')) return parseAs(value, Array.isArray);
  return value;
}

function parseAs(value: string, accepts: (parsed: unknown) => boolean): unknown {
  try {
    const parsed: unknown = JSON.parse(value);
    return accepts(parsed) ? parsed : value;
  } catch {
    // Not JSON: validation names the field and what it takes.
    return value;
  }
}

/** A whole number that a double cannot hold keeps its digits (`ExactInteger`). */
function toNumber(value: string): unknown {
  const digits = exactDigits(value);
  return digits === undefined ? Number(value) : { $integer: digits };
}

function isNumeric(value: string): boolean {
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value.trim());
}

function typesOf(schema: JsonObject): readonly string[] {
  const type = schema.type;
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? type.filter((item) => typeof item === 'string') : [];
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Arguments whose content is judged by the schema of a model, or is one. */
const foreign: ReadonlySet<string> = new Set(['input', 'definition', 'patch', 'sample_input']);

/** Whether a value says that there is none. */
export function isUnset(value: unknown): boolean {
  return value === null || value === '';
}

/** Arguments without those that are optional and not set, at every level that the schema describes. */
function withoutUnset(schema: JsonObject, value: unknown): unknown {
  if (Array.isArray(value)) return itemsGiven(isObject(schema.items) ? schema.items : {}, value);
  return isObject(value) ? fieldsGiven(schema, value) : value;
}

function itemsGiven(schema: JsonObject, items: unknown[]): unknown[] {
  const given = items.filter((item) => !isUnset(item)).map((item) => withoutUnset(schema, item));
  return given.length === items.length && given.every((item, at) => item === items[at]) ? items : given;
}

/** Most have nothing to leave out, and every call passes here: then it is the value itself. */
function fieldsGiven(schema: JsonObject, value: JsonObject): JsonObject {
  const required = Array.isArray(schema.required) ? schema.required : [];
  let given: JsonObject | undefined;
  for (const name of Object.keys(value)) {
    const field = value[name];
    const kept = foreign.has(name) ? field : withoutUnset(schemaOf(schema, name), field);
    const isLeftOut = isUnset(field) && !required.includes(name);
    if (kept === field && !isLeftOut) continue;
    given ??= { ...value };
    if (isLeftOut) delete given[name];
    else given[name] = kept;
  }
  return given ?? value;
}

function schemaOf({ properties }: JsonObject, name: string): JsonObject {
  const inner = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isObject(inner) ? inner : {};
}

/** The first name or value that cannot be kept, and where; undefined when all can. */
export function unstorable(value: unknown, path = ''): Problem | undefined {
  // Nearly every value can: where one cannot is looked for only then.
  return isAllStorable(value) ? undefined : firstUnstorable(value, path);
}

function isAllStorable(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (Array.isArray(value)) return value.every(isAllStorable);
  if (!isObject(value)) return true;
  for (const name of Object.keys(value)) {
    if (!isStorable(name) || !isAllStorable(value[name])) return false;
  }
  return true;
}

function firstUnstorable(value: unknown, path: string): Problem | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { path, ...cannotBeKept };
  if (Array.isArray(value)) return firstOf(value.entries(), path);
  return isObject(value) ? firstOf(Object.entries(value), path) : undefined;
}

const cannotBeKept = {
  message: 'has a character that cannot be stored',
  hint: 'leave out NUL (\\u0000) and halves of surrogate pairs',
};

function firstOf(entries: Iterable<[string | number, unknown]>, path: string): Problem | undefined {
  for (const [name, item] of entries) {
    if (typeof name === 'string' && !isStorable(name)) {
      return { path: path === '' ? 'a name' : path, ...cannotBeKept };
    }
    const problem = firstUnstorable(item, path === '' ? String(name) : `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

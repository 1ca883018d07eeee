/** Values as agents send them: what counts as given, and what text or a lone value is read as. */

import type { Problem } from './content.ts';
import { exactDigits, isExactInteger } from './json/read-json.ts';
import type { JsonObject } from './portable-schema.ts';

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
export function withoutUnset(schema: JsonObject, value: unknown): unknown {
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
    const problem = unstorable(item, path === '' ? String(name) : `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

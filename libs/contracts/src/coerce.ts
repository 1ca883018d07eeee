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

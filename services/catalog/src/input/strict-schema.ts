import { isObject, type JsonObject } from '@inferry/contracts';
import { isFileSchema, maxDepth, oneSchema, schemaLists, schemaMaps, typesOf } from './schema-parts.ts';

const jsonTypes = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
/** Names for a schema, which nothing here looks up, and a keyword of Ajv's own that changes what it returns. */
const droppedKeywords = [
  '$schema',
  '$id',
  'id',
  '$anchor',
  '$dynamicAnchor',
  '$dynamicRef',
  '$async',
  'nullable',
];
/** A file field also takes an asset id or a data URI, which the platform itself would not know. */
const urlKeywords = ['format', 'pattern', 'minLength', 'maxLength', 'contentMediaType', 'contentEncoding'];

/**
 * A platform's schema as a validator may compile it: nothing is fetched, what older drafts and OpenAPI wrote
 * differently is put in terms of 2020-12, and keywords that make no sense are left out instead of failing the model.
 */
export function toStrictSchema(schema: JsonObject, depth = 0): JsonObject {
  if (depth > maxDepth) return {};
  const kept = Object.entries(schema).filter(([keyword]) => !droppedKeywords.includes(keyword));
  const result: JsonObject = Object.fromEntries(
    kept.map(([keyword, value]) => [keyword, walk(keyword, value, depth)]),
  );
  repairReference(result);
  repairTypes(result, schema.nullable === true);
  repairBounds(result);
  repairLists(result);
  if (isFileSchema(schema)) for (const keyword of urlKeywords) delete result[keyword];
  return result;
}

function walk(keyword: string, value: unknown, depth: number): unknown {
  if (oneSchema.includes(keyword)) {
    if (Array.isArray(value)) return value.map((item) => strictOrSame(item, depth));
    return strictOrSame(value, depth);
  }
  if (schemaLists.includes(keyword) && Array.isArray(value))
    return value.map((item) => strictOrSame(item, depth));
  if (schemaMaps.includes(keyword) && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, strictOrSame(item, depth)]));
  }
  return value;
}

function strictOrSame(value: unknown, depth: number): unknown {
  return isObject(value) ? toStrictSchema(value, depth + 1) : value;
}

/** A reference to another document is never fetched: what it would say, the platform says. */
function repairReference(schema: JsonObject): void {
  if (schema.$ref !== undefined && !(typeof schema.$ref === 'string' && schema.$ref.startsWith('#'))) {
    delete schema.$ref;
  }
}

function repairTypes(schema: JsonObject, isNullable: boolean): void {
  if (schema.type === undefined) return;
  const types = typesOf(schema).filter((type) => jsonTypes.has(type));
  if (isNullable && !types.includes('null')) types.push('null');
  if (types.length === 0) delete schema.type;
  else schema.type = types.length === 1 ? types[0] : [...new Set(types)];
  if (isNullable && Array.isArray(schema.enum) && !schema.enum.includes(null))
    schema.enum = [...schema.enum, null];
}

/** Draft 4 and OpenAPI 3.0 wrote `exclusiveMinimum: true` beside `minimum`. */
function repairBounds(schema: JsonObject): void {
  for (const [exclusive, inclusive] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    const bound = schema[inclusive];
    const isExclusive = schema[exclusive] && typeof bound === 'number';
    delete schema[exclusive];
    if (!isExclusive) continue;
    schema[exclusive] = bound;
    delete schema[inclusive];
  }
}

function repairLists(schema: JsonObject): void {
  if (schema.enum !== undefined && (!Array.isArray(schema.enum) || schema.enum.length === 0))
    delete schema.enum;
  else if (Array.isArray(schema.enum)) schema.enum = [...new Set(schema.enum)];
  if (schema.required !== undefined && !Array.isArray(schema.required)) delete schema.required;
  // Drafts before 2020-12 wrote a tuple as a list of items.
  if (Array.isArray(schema.items)) {
    schema.prefixItems = schema.items;
    delete schema.items;
  }
  if (typeof schema.pattern === 'string' && !isRegExp(schema.pattern)) delete schema.pattern;
}

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').source !== '';
  } catch {
    // Written for another language's expressions: the platform checks it.
    return false;
  }
}

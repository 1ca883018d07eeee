import { isObject, type JsonObject } from '@inferry/contracts';
import {
  isFileSchema,
  linearPatterns,
  maxDepth,
  oneSchema,
  schemaLists,
  schemaMaps,
  typesOf,
} from './foreign-schema.ts';

const maxUniqueItems = 200;
const jsonTypes = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
/** What is compiled of one schema, in some 100 ms: more than any sensible one has. What is beyond is left open. */
const maxNodes = 1_000;
/** Choices that are compiled one within the other, some hundred levels of code; of more, none is checked. */
const maxChoices = 200;
/** Where a part that was left open would forbid something. */
const turnedRound = ['oneOf', 'not', 'if', 'then', 'else', 'unevaluatedItems', 'unevaluatedProperties'];
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
 * `nodes` is how large it is.
 */
export function toStrictSchema(schema: JsonObject): { strict: JsonObject; nodes: number } {
  const walk = { depth: 0, budget: { nodes: maxNodes, cuts: 0 }, linear: linearPatterns() };
  const strict = strictOf(schema, walk);
  return { strict, nodes: maxNodes - Math.max(0, walk.budget.nodes) };
}

interface Walk {
  depth: number;
  /** What may still be compiled, and how many parts were left open. */
  budget: { nodes: number; cuts: number };
  linear: ReturnType<typeof linearPatterns>;
}

function strictOf(schema: JsonObject, walk: Walk): JsonObject {
  walk.budget.nodes -= 1;
  if (walk.depth > maxDepth || walk.budget.nodes < 0) {
    walk.budget.cuts += 1;
    return {};
  }
  const before = walk.budget.cuts;
  const kept = Object.entries(schema).filter(([keyword]) => !droppedKeywords.includes(keyword));
  const result: JsonObject = Object.fromEntries(
    kept.map(([keyword, value]) => [keyword, walkKeyword(keyword, value, walk)]),
  );
  if (walk.budget.cuts > before) for (const keyword of turnedRound) delete result[keyword];
  if (Array.isArray(result.oneOf) && result.oneOf.length > maxChoices) delete result.oneOf;
  repairReference(result);
  repairTypes(result, schema.nullable === true);
  repairBounds(result);
  repairLists(result);
  repairPatterns(result, walk.linear);
  if (isFileSchema(schema)) for (const keyword of urlKeywords) delete result[keyword];
  return result;
}

function walkKeyword(keyword: string, value: unknown, walk: Walk): unknown {
  if (oneSchema.includes(keyword)) {
    if (Array.isArray(value)) return value.map((item) => strictOrSame(item, walk));
    return strictOrSame(value, walk);
  }
  if (schemaLists.includes(keyword) && Array.isArray(value))
    return value.map((item) => strictOrSame(item, walk));
  if (schemaMaps.includes(keyword) && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, strictOrSame(item, walk)]));
  }
  return value;
}

function strictOrSame(value: unknown, walk: Walk): unknown {
  return isObject(value) ? strictOf(value, { ...walk, depth: walk.depth + 1 }) : value;
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
  else if (Array.isArray(schema.enum)) {
    const choices: unknown[] = [...new Set(schema.enum)];
    schema.enum = choices;
    // The choices say what is taken: a type beside them that fits none of them was written by mistake.
    if (schema.type !== undefined && !choices.some((choice) => fitsType(choice, schema))) delete schema.type;
  }
  if (schema.required !== undefined && !Array.isArray(schema.required)) delete schema.required;
  // Drafts before 2020-12 wrote a tuple as a list of items.
  if (Array.isArray(schema.items)) {
    schema.prefixItems = schema.items;
    delete schema.items;
  }
  // Comparing every pair of a long list would take for ever.
  if (!(typeof schema.maxItems === 'number' && schema.maxItems <= maxUniqueItems)) delete schema.uniqueItems;
}

function fitsType(value: unknown, schema: JsonObject): boolean {
  return typesOf(schema).some((type) => {
    if (type === 'null') return value === null;
    if (type === 'array') return Array.isArray(value);
    return type === 'integer' ? Number.isInteger(value) : typeof value === type;
  });
}

/** Only what runs in linear time is run: where it cannot, the platform checks it. */
function repairPatterns(schema: JsonObject, linear: Walk['linear']): void {
  if (typeof schema.pattern !== 'string' || linear(schema.pattern) === undefined) delete schema.pattern;
  if (!isObject(schema.patternProperties)) return;
  const named = Object.entries(schema.patternProperties);
  const usable = named.filter(([pattern]) => linear(pattern) !== undefined);
  schema.patternProperties = Object.fromEntries(usable);
  if (usable.length === named.length) return;
  // What the others would have allowed must not be forbidden now.
  for (const keyword of ['additionalProperties', 'unevaluatedProperties']) delete schema[keyword];
}

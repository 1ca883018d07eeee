import { z } from 'zod';

export interface JsonObject {
  [key: string]: unknown;
}

/** Keywords that some MCP clients or model APIs refuse in a tool's schema. */
export const unportableKeywords = ['oneOf', 'anyOf', 'allOf', 'not', '$ref', '$defs'];

/**
 * An object of anything, in the one form that survives the converters of clients: some take an object without properties
 * for an empty one, some one without `additionalProperties` for a closed one.
 */
const freeObject = { properties: {}, additionalProperties: true };

/**
 * A zod object as the JSON Schema (2020-12) that is shown to clients: strict keywords that clients choke on are
 * left out, since the owning service validates anyway.
 */
export function toPortableSchema(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  // as: z.toJSONSchema returns a JSON object for every object schema.
  return strip(z.toJSONSchema(schema, { io, unrepresentable: 'any' })) as JsonObject;
}

/** Besides what clients choke on: bounds that guard us and tell a model nothing that its tokens are worth. */
const dropped = new Set([
  '$schema',
  'additionalProperties',
  'propertyNames',
  'pattern',
  'format',
  'minLength',
  'maxLength',
  'maxItems',
]);

function strip(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strip);
  if (node === null || typeof node !== 'object') return node;
  const kept = Object.entries(node).filter(
    ([key, value]) => !dropped.has(key) && !isSafeIntegerBound(key, value),
  );
  const stripped = Object.fromEntries(
    kept.map(([key, value]) => [key, key === 'properties' ? stripEach(value) : strip(value)]),
  );
  const isFree = stripped.type === 'object' && !('properties' in stripped);
  return isFree ? { ...stripped, ...freeObject } : stripped;
}

/** A property may be called `additionalProperties`: only keywords are dropped, never names. */
function stripEach(properties: unknown): unknown {
  if (properties === null || typeof properties !== 'object') return properties;
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, strip(value)]));
}

function isSafeIntegerBound(key: string, value: unknown): boolean {
  return (
    (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) ||
    (key === 'minimum' && value === Number.MIN_SAFE_INTEGER)
  );
}

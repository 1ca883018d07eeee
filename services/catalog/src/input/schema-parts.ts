import { isObject, type JsonObject } from '@inferry/contracts';

/** Keywords of JSON Schema 2020-12 (and what older drafts called them) that hold one schema each. */
export const oneSchema: readonly string[] = [
  'items',
  'additionalProperties',
  'additionalItems',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
];
/** Keywords that hold a list of schemas. */
export const schemaLists: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
/** Keywords that hold schemas by name. */
export const schemaMaps: readonly string[] = [
  'properties',
  'patternProperties',
  'dependentSchemas',
  '$defs',
  'definitions',
];

/** Deeper than any sensible schema or input; a recursive walk stops there. */
export const maxDepth = 64;

/** What a `$ref` within the same document points at (RFC 6901); undefined for every other. */
export function resolveLocalRef(root: JsonObject, ref: unknown): JsonObject | undefined {
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined;
  let node: unknown = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return undefined;
    // as: an object or array that has this key of its own.
    node = (node as JsonObject)[name];
  }
  return isObject(node) ? node : undefined;
}

/** The schemas by name under a keyword such as `properties`. */
export function schemasOf(schema: JsonObject, keyword: string): [string, JsonObject][] {
  const map = schema[keyword];
  if (!isObject(map)) return [];
  return Object.entries(map).flatMap(([name, value]) => (isObject(value) ? [[name, value]] : []));
}

/** `type` as a list, whether it is given as one word, a list or not at all. */
export function typesOf(schema: JsonObject): string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? type.filter((item) => typeof item === 'string') : [];
}

/** True for a field that takes a file: its schema carries `x-inferry-file` with the medium. */
export function isFileSchema(schema: JsonObject): boolean {
  return schema['x-inferry-file'] !== undefined && schema['x-inferry-file'] !== false;
}

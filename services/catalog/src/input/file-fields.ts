/** Which fields of a model take files, wherever its schema says so. */
import {
  callOf,
  createUpload,
  hint,
  isObject,
  type JsonObject,
  type Problem,
  readDataUri,
} from '@inferry/contracts';

/** A value of an input that stands for a file. */
interface FileField {
  /** JSON pointer (RFC 6901). */
  pointer: string;
  value: string;
}

/** Every file that an input names, at any depth. */
export function findFileFields(
  schema: JsonObject,
  value: unknown,
  at = { pointer: '', depth: 0 },
): FileField[] {
  if (at.depth > maxDepth) return [];
  if (typeof value === 'string') return isFileSchema(schema) ? [{ pointer: at.pointer, value }] : [];
  const below = (name: string | number) => ({
    pointer: `${at.pointer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    depth: at.depth + 1,
  });
  if (Array.isArray(value)) {
    // `x-inferry-file` may stand on the list as well as on its items.
    const items = isObject(schema.items) ? schema.items : {};
    const itemSchema = isFileSchema(schema)
      ? { ...items, 'x-inferry-file': schema['x-inferry-file'] }
      : items;
    return value.flatMap((item, index) => findFileFields(itemSchema, item, below(index)));
  }
  if (!isObject(value)) return [];
  return schemasOf(schema, 'properties').flatMap(([name, property]) =>
    Object.hasOwn(value, name) ? findFileFields(property, value[name], below(name)) : [],
  );
}

/** Why a value cannot stand for a file; undefined when it can. The value is never repeated: it may be anything. */
export function fileProblem({ pointer, value }: FileField): Problem | undefined {
  if (isAssetId(value) || isWebUrl(value) || readDataUri(value) !== undefined) return undefined;
  const path = toDotPath(pointer);
  if (isLocalPath(value)) {
    return {
      path,
      message: 'is a local path, which cannot be read from here',
      hint: hint`send the file with ${callOf(createUpload)}, then pass its asset id`,
    };
  }
  return { path, message: 'is not a file', hint: 'an http(s) URL, a data: URI or an asset id (asset_…)' };
}

export function isAssetId(value: string): boolean {
  return /^asset_[A-Za-z0-9_-]{1,100}$/.test(value);
}

function isWebUrl(value: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(value) && URL.canParse(value);
}

/** `/images/0/url` as people write it: `images.0.url`. */
export function toDotPath(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
  return path.length > 100 ? `${path.slice(0, 100)}…` : path;
}

function isLocalPath(value: string): boolean {
  return (
    /^(\/|\.{1,2}[/\\]|~|[a-z]:[/\\]|\\\\|file:)/i.test(value) || /^[^\s:]+\.[a-z0-9]{2,5}$/i.test(value)
  );
}

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

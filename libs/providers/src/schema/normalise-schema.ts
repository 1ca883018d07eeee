/** Any platform's JSON Schema as one portable schema that is never narrower, with the fields marked that take files. */
import { isObject, type JsonObject } from '@inferry/contracts';
import { isMedium, type Medium, mediumOf } from './media.ts';
import { fileMarks, maxDepth, resolveVariants, typesOf, type Walk } from './variants.ts';

export interface NormaliseOptions {
  /** The document that `$ref` points into; default: the schema itself. */
  root?: JsonObject;
  /** Names that are ours to fill in and not a caller's: `webhook`, `taskUUID`. */
  hidden?: readonly string[];
  /**
   * The medium of a field that takes a file; undefined: it takes none. Default: by the schema's own marks, then by
   * name. `path` is dotted: `images.0` is written `images`.
   */
  fileMedium?: (field: { path: string; name: string; schema: JsonObject }) => Medium | undefined;
}

/** More than any sensible schema has: what is beyond is left open. */
const maxNodes = 4_000;

/** What says something to a model or a form and is understood by every client. */
const kept = [
  'title',
  'default',
  'enum',
  'const',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'pattern',
  'format',
  'examples',
] as const;

interface FieldWalk extends Walk {
  path: string;
  name: string;
  options: NormaliseOptions;
}

/**
 * Any platform's JSON Schema (draft 4 to 2020-12, OpenAPI 3.0 and 3.1) as one portable schema: references written out,
 * no `oneOf`, `anyOf`, `allOf` or `not`, file fields marked with `x-inferry-file`. It is never narrower than the
 * original: what it cannot say is left open, and the platform decides.
 */
export function normaliseSchema(schema: unknown, options: NormaliseOptions = {}): JsonObject {
  if (!isObject(schema)) return { type: 'object', properties: {} };
  const root = options.root ?? schema;
  const walk: FieldWalk = {
    root,
    depth: 0,
    budget: { nodes: maxNodes },
    open: new Set(),
    seen: new Set(),
    path: '',
    name: '',
    options,
  };
  const plain = normaliseNode(schema, walk);
  if (plain.type === undefined && isObject(plain.properties)) plain.type = 'object';
  return plain;
}

function normaliseNode(schema: JsonObject, above: FieldWalk): JsonObject {
  above.budget.nodes -= 1;
  if (above.depth > maxDepth || above.budget.nodes < 0) return {};
  const seen = new Set<string>();
  const flat = resolveVariants(schema, { ...above, seen });
  const walk = { ...above, open: new Set([...above.open, ...seen]) };
  const result: JsonObject = {};
  const types = typesOf(flat);
  if (types.length > 0) result.type = types.length === 1 ? types[0] : types;
  if (typeof flat.description === 'string') result.description = flat.description.slice(0, 2_000);
  for (const keyword of kept) if (flat[keyword] !== undefined) result[keyword] = flat[keyword];
  repairBounds(result);
  repairEnum(result, flat.nullable === true);
  if (flat.additionalProperties === true || isObject(flat.additionalProperties)) {
    result.additionalProperties = true;
  }
  if (isObject(flat.properties)) Object.assign(result, normaliseProperties(flat, walk));
  if (isObject(flat.items)) {
    // A list that is marked holds what is marked.
    const marks = fileMarks.filter((mark) => flat[mark] !== undefined).map((mark) => [mark, flat[mark]]);
    const items = { ...Object.fromEntries(marks), ...flat.items };
    result.items = normaliseNode(items, { ...walk, depth: walk.depth + 1 });
  }
  markFile(result, flat, walk);
  return result;
}

function normaliseProperties(schema: JsonObject, walk: FieldWalk): JsonObject {
  const hidden = walk.options.hidden ?? [];
  // as: checked by the caller.
  const properties = Object.entries(schema.properties as JsonObject)
    .filter(([name]) => !hidden.includes(name) || walk.path !== '')
    .sort(byOrder)
    .map(([name, property]) => {
      const path = walk.path === '' ? name : `${walk.path}.${name}`;
      const inner = { ...walk, depth: walk.depth + 1, path, name };
      return [name, isObject(property) ? normaliseNode(property, inner) : {}] as const;
    });
  const names = new Set(properties.map(([name]) => name));
  const required = Array.isArray(schema.required)
    ? [...new Set(schema.required.filter((name): name is string => names.has(name)))]
    : [];
  return { properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) };
}

/** Replicate and others number their fields. */
function byOrder([, left]: [string, unknown], [, right]: [string, unknown]): number {
  const order = (value: unknown) =>
    isObject(value) && typeof value['x-order'] === 'number' ? value['x-order'] : Number.MAX_SAFE_INTEGER;
  return order(left) - order(right);
}

/** OpenAPI 3.0 and draft 4 write `exclusiveMinimum: true` beside `minimum`. */
function repairBounds(schema: JsonObject): void {
  for (const [exclusive, inclusive] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    const isExclusive = schema[exclusive];
    delete schema[exclusive];
    if (!isExclusive || typeof schema[inclusive] !== 'number') continue;
    schema[exclusive] = schema[inclusive];
    delete schema[inclusive];
  }
}

function repairEnum(schema: JsonObject, isNullable: boolean): void {
  if (schema.const !== undefined && schema.enum === undefined) schema.enum = [schema.const];
  delete schema.const;
  if (!Array.isArray(schema.enum) || schema.enum.length === 0) {
    delete schema.enum;
    return;
  }
  const choices: unknown[] = [...new Set([...schema.enum, ...(isNullable ? [null] : [])])];
  schema.enum = choices;
  const declared = typesOf(schema);
  // Choices of numbers or flags beside the word `string`: the choices are what is meant.
  const missing = choices.map(typeOfValue).filter((type) => !fits(declared, type));
  if (declared.length === 0 || missing.length === 0) return;
  const used = declared.filter((type) => choices.some((choice) => fits([type], typeOfValue(choice))));
  const types = [...new Set([...used, ...missing])];
  schema.type = types.length === 1 ? types[0] : types;
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function fits(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'));
}

const uriFormats = new Set(['uri', 'url', 'binary', 'byte', 'data-uri', 'uri-reference', 'file', 'base64']);

/** Marks text fields, and lists of them, that take a file. */
function markFile(result: JsonObject, source: JsonObject, walk: FieldWalk): void {
  const types = typesOf(result);
  if (!types.includes('string') || result.enum !== undefined || walk.name === '') return;
  const field = { path: walk.path, name: walk.name, schema: source };
  const medium = walk.options.fileMedium === undefined ? guessMedium(field) : walk.options.fileMedium(field);
  if (medium === undefined) return;
  result['x-inferry-file'] = medium;
  result.format = 'uri';
  for (const keyword of ['pattern', 'minLength', 'maxLength']) delete result[keyword];
}

/** By the marks that platforms use, then by a name that says a medium and that it is an address. */
export function guessMedium({ name, schema }: { name: string; schema: JsonObject }): Medium | undefined {
  const marked = markedMedium(schema);
  if (marked !== undefined) return marked;
  const contentType = schema.contentMediaType;
  const said = mediumOf(`${name} ${typeof schema.title === 'string' ? schema.title : ''}`);
  if (typeof contentType === 'string' && contentType.includes('/')) return said ?? 'file';
  if (typeof schema.format === 'string' && uriFormats.has(schema.format)) return said ?? 'file';
  // Words such as `image_size` or `video_length` are no files: only the bare medium or an address is.
  const isAddress = /(_|^)(url|uri|urls|uris)$|(Url|Uri|URL|URI)s?$/.test(name);
  const isBare =
    /^(input_?|start_?|end_?|first_?|last_?|reference_?|control_?|init_?|source_?|mask_?)?(images?|videos?|audios?|mask|file)$/i.test(
      name,
    );
  if (isAddress) return /webhook|callback/i.test(name) ? undefined : said;
  return isBare ? said : undefined;
}

/** Our own mark, or the widget that a platform shows the field with. */
function markedMedium(schema: JsonObject): Medium | undefined {
  const own = schema['x-inferry-file'];
  if (isMedium(own)) return own;
  const ui = isObject(schema.ui) ? schema.ui.field : undefined;
  const widget = ui ?? schema._fal_ui_field ?? schema.ui_field ?? schema['x-ui-component'];
  if (isMedium(widget)) return widget;
  return typeof widget === 'string' ? mediumOf(widget) : undefined;
}

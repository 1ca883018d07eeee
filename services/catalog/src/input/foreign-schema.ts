/**
 * What is read of the schemas that model authors write, in bounded steps: which fields take files, and patterns in linear
 * time, since one that backtracks stops a process for ever. RE2 runs what JSON Schema (ECMA-262) means; what it cannot run,
 * and what would take long, is not enforced.
 */
import {
  callOf,
  createUpload,
  hint,
  isObject,
  type JsonObject,
  type Problem,
  Recent,
  readDataUri,
} from '@inferry/contracts';
import { RE2JS } from 're2js';

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

interface LinearPattern {
  /** True where it matches, and where looking would take longer than it may: the platform decides then. */
  test(text: string): boolean;
}

const maxPatternLength = 2_000;
/** Larger ones come of counted repetitions of repetitions. */
const maxProgramSize = 5_000;
/** Of all counted repetitions in a pattern: each writes its part out so many times. */
const maxRepetitions = 2_000;
/** States times characters, for all patterns of one input: some 100 to 200 ms at the most. */
const maxSteps = 6_000_000;
const maxKept = 2_000;
/** Of all programs that are kept, at some 200 bytes for each of their instructions. */
const maxKeptSize = 400_000;
/** Instructions of all patterns of one schema, which take some 50 ms to make. */
const maxSchemaSize = 20_000;
/** What a pattern counts that is none: finding that out takes time as well. */
const unusableSize = 1_000;

interface Kept {
  pattern: LinearPattern | undefined;
  size: number;
}

const kept = new Recent<Kept>(maxKept);
let keptSize = 0;

let stepsLeft = maxSteps;

/** Runs a check whose patterns may take so long together. Nothing in it waits, so that no other check comes between. */
export function withinSteps<T>(check: () => T): T {
  stepsLeft = maxSteps;
  return check();
}

/** Undefined for look-around, back-references, other languages' expressions and what is too large to run. */
export function linearPattern(pattern: string): LinearPattern | undefined {
  return keptOf(pattern).pattern;
}

/**
 * The same for the patterns of one schema, in its order, while they are not too much together: what is beyond is undefined
 * as well. Models' authors write thousands of them, and each takes milliseconds and a megabyte.
 */
export function linearPatterns(): (pattern: string) => LinearPattern | undefined {
  let left = maxSchemaSize;
  return (pattern) => {
    if (left <= 0) return undefined;
    const { pattern: linear, size } = keptOf(pattern);
    left -= size;
    return left < 0 ? undefined : linear;
  };
}

function keptOf(pattern: string): Kept {
  if (pattern.length > maxPatternLength) return { pattern: undefined, size: 1 };
  const known = kept.get(pattern);
  if (known !== undefined) return known;
  const made = compile(pattern);
  keptSize += made.size;
  if (keptSize > maxKeptSize) {
    kept.clear();
    keptSize = made.size;
  }
  kept.set(pattern, made);
  return made;
}

function compile(pattern: string): Kept {
  const unusable = { pattern: undefined, size: unusableSize };
  try {
    if (repetitionsIn(pattern) > maxRepetitions) return unusable;
    // What is no expression by the standard was written for another language, and means something else there.
    if (new RegExp(pattern, 'u').source === '') return unusable;
    const compiled = RE2JS.compile(toRe2(pattern));
    const size = compiled.programSize();
    if (size > maxProgramSize) return { pattern: undefined, size };
    return { pattern: { test: tester(compiled, size) }, size };
  } catch {
    // Not an expression, or one that needs to look back: nobody but the platform can tell.
    return unusable;
  }
}

function tester(compiled: RE2JS, size: number): LinearPattern['test'] {
  return (text) => {
    const steps = size * text.length;
    if (steps > stepsLeft) return true;
    stepsLeft -= steps;
    return compiled.matcher(text).find();
  };
}

function repetitionsIn(pattern: string): number {
  const counts = pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g);
  return [...counts].reduce((sum, [, least, most]) => sum + Math.max(Number(least), Number(most ?? 0)), 0);
}

const space =
  '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const noSpace =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';
const lineEnds = '\\n\\r\\x{2028}\\x{2029}';

/** What is written or meant differently in RE2: outside a class, and within one. */
const outside: Readonly<Record<string, string>> = {
  '\\s': `[${space}]`,
  '\\S': `[${noSpace}]`,
  '\\/': '/',
  '.': `[^${lineEnds}]`,
  '(?<': '(?P<',
};
const within: Readonly<Record<string, string>> = { '\\s': space, '\\S': noSpace, '\\/': '/', '[': '\\[' };

/** White space and line ends are more in ECMA-262 than in RE2; groups and code points are written differently. */
function toRe2(pattern: string): string {
  let isInClass = false;
  return pattern.replace(/\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\.|\(\?<(?![=!])|[[\].]/gsu, (token) => {
    if (token.startsWith('\\u')) return `\\x{${token.replace(/[^0-9a-fA-F]/g, '')}}`;
    const written = (isInClass ? within : outside)[token] ?? token;
    if (token === '[' || token === ']') isInClass = token === '[';
    return written;
  });
}

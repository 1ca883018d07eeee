/** A schema without references and choices: written out, merged, or widened to what all of its variants allow. */
import { isObject, type JsonObject } from '@inferry/contracts';

/** Deeper than any sensible schema. */
export const maxDepth = 24;
const jsonTypes = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);

/** Where a walk through a schema is. */
export interface Walk {
  root: JsonObject;
  depth: number;
  budget: { nodes: number };
  /** References that are being written out above: one that points at itself ends there. */
  open: ReadonlySet<string>;
  /** References that were written out for this node; they are open below it. */
  seen: Set<string>;
}

export function typesOf(schema: JsonObject): string[] {
  const listed = Array.isArray(schema.type) ? schema.type : [schema.type];
  const types = listed.filter((type): type is string => typeof type === 'string' && jsonTypes.has(type));
  if (schema.nullable === true && types.length > 0 && !types.includes('null')) types.push('null');
  if (types.length === 0 && isObject(schema.properties)) return ['object'];
  return [...new Set(types)];
}

/** A schema without `$ref`, `allOf`, `anyOf` and `oneOf`: written out, merged, or widened to what all variants allow. */
export function resolveVariants(schema: JsonObject, walk: Walk): JsonObject {
  const direct = withAllOf(withReference(schema, walk), walk);
  const { anyOf, oneOf, ...rest } = direct;
  const listed = Array.isArray(anyOf) ? anyOf : oneOf;
  if (!Array.isArray(listed)) return direct;
  const variants = listed
    .filter(isObject)
    .map((variant) => resolveVariants(variant, deeper(walk)))
    .map((variant) => ({ ...variant, type: typesOf(variant) }));
  const isNullable = variants.some(({ type }) => type.length === 1 && type[0] === 'null');
  const real = variants.filter(({ type }) => !(type.length === 1 && type[0] === 'null'));
  const [only] = real;
  if (only === undefined) return rest;
  const nullable = isNullable ? ['null'] : [];
  if (real.length === 1) {
    const choices = choicesOf(only);
    return {
      ...merge(only, rest),
      type: [...only.type, ...nullable],
      ...(isNullable && choices !== undefined && { enum: [...choices, null] }),
    };
  }
  return widen(real, { rest, nullable });
}

function widen(
  variants: readonly (JsonObject & { type: string[] })[],
  { rest, nullable }: { rest: JsonObject; nullable: readonly string[] },
): JsonObject {
  const isOpen = variants.some(({ type }) => type.length === 0);
  const type = isOpen ? [] : [...new Set([...variants.flatMap((variant) => variant.type), ...nullable])];
  const result: JsonObject = { ...rest, ...(type.length > 0 && { type }) };
  const properties = variants.flatMap((variant) =>
    isObject(variant.properties) ? [variant.properties] : [],
  );
  // What only some of them require is required by none.
  if (properties.length > 0) result.properties = eitherOf(properties);
  if (variants.some(({ additionalProperties: open }) => open === true || isObject(open))) {
    result.additionalProperties = true;
  }
  const items = variants.filter(({ type: own }) => own.includes('array')).map((variant) => variant.items);
  if (items.length > 0 && items.every(isObject)) result.items = either(items);
  Object.assign(result, marksOf(variants), result);
  const choices = variants.map(choicesOf);
  if (choices.every((list) => list !== undefined)) {
    result.enum = [...new Set([...choices.flat(), ...nullable.map(() => null)])];
  } else {
    const named = choices.flatMap((list) => list ?? []);
    if (named.length > 0) result.description = describeChoices(rest.description, named);
  }
  return result;
}

function choicesOf({ enum: listed, const: constant, nullable }: JsonObject): unknown[] | undefined {
  if (Array.isArray(listed)) return nullable === true ? [...listed, null] : listed;
  return constant === undefined ? undefined : [constant];
}

/** The fields of all variants; one that several have allows what any of them allows. */
function eitherOf(variants: readonly JsonObject[]): JsonObject {
  const names = new Set(variants.flatMap((properties) => Object.keys(properties)));
  return Object.fromEntries(
    [...names].map((name) => {
      const own = variants.flatMap((properties) =>
        Object.hasOwn(properties, name) ? [properties[name]] : [],
      );
      return [name, own.every(isObject) ? either(own) : {}];
    }),
  );
}

/** One schema of several, to be resolved where it is come to. */
function either(schemas: readonly JsonObject[]): JsonObject {
  const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  const [only] = distinct;
  return distinct.length === 1 && only !== undefined ? only : { anyOf: distinct };
}

/** How platforms mark the fields that take files. */
export const fileMarks = ['x-inferry-file', 'ui', '_fal_ui_field', 'ui_field', 'x-ui-component'] as const;

/** A file that may be given in several forms is still a file. */
function marksOf(variants: readonly JsonObject[]): JsonObject {
  const marked = fileMarks.map((mark) => [mark, variants.map((variant) => variant[mark]).find(Boolean)]);
  return Object.fromEntries(marked.filter(([, value]) => value !== undefined));
}

/** A list of words beside something freer cannot be an `enum`: it would forbid the rest. */
function describeChoices(description: unknown, named: readonly unknown[]): string {
  const words = named.slice(0, 40).map(String).join(', ');
  const before = typeof description === 'string' && description !== '' ? `${description} ` : '';
  return `${before}One of ${words}, or a value of its own.`;
}

function withReference(schema: JsonObject, walk: Walk): JsonObject {
  const { $ref, ...rest } = schema;
  if (typeof $ref !== 'string') return schema;
  const target = walk.open.has($ref) || walk.depth > maxDepth ? undefined : resolvePointer(walk.root, $ref);
  if (target === undefined) return rest;
  walk.seen.add($ref);
  const inner = { ...deeper(walk), open: new Set(walk.open).add($ref) };
  return merge(resolveVariants(target, inner), rest);
}

function withAllOf(schema: JsonObject, walk: Walk): JsonObject {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = allOf.filter(isObject).map((part) => resolveVariants(part, deeper(walk)));
  return [...parts, rest].reduce<JsonObject>(merge, {});
}

export function merge(left: JsonObject, right: JsonObject): JsonObject {
  const merged: JsonObject = { ...left, ...right };
  if (isObject(left.properties) && isObject(right.properties)) {
    merged.properties = { ...left.properties, ...right.properties };
  }
  if (Array.isArray(left.required) && Array.isArray(right.required)) {
    merged.required = [...new Set([...left.required, ...right.required])];
  }
  return merged;
}

/** What a local reference points at (RFC 6901); undefined for every other. */
export function resolvePointer(root: JsonObject, ref: string): JsonObject | undefined {
  if (!ref.startsWith('#')) return undefined;
  let node: unknown = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isObject(node) || !Object.hasOwn(node, name)) return undefined;
    node = node[name];
  }
  return isObject(node) ? node : undefined;
}

function deeper(walk: Walk): Walk {
  return { ...walk, depth: walk.depth + 1 };
}

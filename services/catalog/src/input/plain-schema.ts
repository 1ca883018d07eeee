import { isObject, type JsonObject } from '@inferry/contracts';
import { maxDepth, resolveLocalRef, schemasOf, typesOf } from './foreign-schema.ts';

/** A schema of a platform grows when its references are written out: a bound on how far. */
const maxNodes = 5_000;

/**
 * A schema for reading, not for validating: local references written out, `allOf` merged, and a choice between a type
 * and null made one. Coercion, the list of inputs and the file fields are read from it.
 */
export function toPlainSchema(root: JsonObject): JsonObject {
  const budget = { nodes: maxNodes };
  const whole = plain(root, { root, depth: 0, budget, open: new Set() });
  // Of the rest nobody knows which fields it has.
  return budget.nodes < 0 ? { ...whole, additionalProperties: true } : whole;
}

interface Walk {
  root: JsonObject;
  depth: number;
  budget: { nodes: number };
  /** References being written out now: one that points at itself ends there. */
  open: ReadonlySet<unknown>;
}

function plain(schema: JsonObject, walk: Walk): JsonObject {
  walk.budget.nodes -= 1;
  if (walk.depth > maxDepth || walk.budget.nodes < 0) return {};
  const merged = withVariants(withAllOf(withRef(schema, walk), walk), walk);
  const deeper = { ...walk, depth: walk.depth + 1 };
  const result: JsonObject = { ...merged };
  if (isObject(merged.properties)) {
    result.properties = Object.fromEntries(
      schemasOf(merged, 'properties').map(([name, property]) => [name, plain(property, deeper)]),
    );
  }
  if (isObject(merged.items)) result.items = plain(merged.items, deeper);
  return result;
}

function withRef(schema: JsonObject, walk: Walk): JsonObject {
  const { $ref, ...rest } = schema;
  if ($ref === undefined) return schema;
  const target = walk.open.has($ref) ? undefined : resolveLocalRef(walk.root, $ref);
  if (target === undefined) return rest;
  const open = new Set(walk.open).add($ref);
  return { ...plain(target, { ...walk, depth: walk.depth + 1, open }), ...rest };
}

function withAllOf(schema: JsonObject, walk: Walk): JsonObject {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = allOf.filter(isObject).map((part) => plain(part, { ...walk, depth: walk.depth + 1 }));
  return mergeAll([...parts, rest]);
}

/** The last one counts, but fields and what is required come together. In time that follows from what there is. */
function mergeAll(parts: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {};
  const fields = new Map<string, unknown>();
  const required = new Set<unknown>();
  for (const part of parts) {
    Object.assign(merged, part);
    if (isObject(part.properties))
      for (const [name, field] of Object.entries(part.properties)) fields.set(name, field);
    if (Array.isArray(part.required)) for (const name of part.required) required.add(name);
  }
  if (isObject(merged.properties)) merged.properties = Object.fromEntries(fields);
  if (Array.isArray(merged.required)) merged.required = [...required];
  return merged;
}

/** `anyOf: [X, null]` is X that may be null; several types are told together. */
function withVariants(schema: JsonObject, walk: Walk): JsonObject {
  const { anyOf, oneOf, ...rest } = schema;
  const variants = Array.isArray(anyOf) ? anyOf : oneOf;
  if (!Array.isArray(variants)) return schema;
  const read = variants.filter(isObject).map((part) => plain(part, { ...walk, depth: walk.depth + 1 }));
  const real = read.filter((variant) => variant.type !== 'null');
  const nullable = real.length < read.length ? ['null'] : [];
  const [only] = real;
  if (only === undefined) return rest;
  const types = [...new Set([...real.flatMap(typesOf), ...nullable])];
  const type = types.length === 1 ? types[0] : types;
  if (real.length === 1) return { ...mergeAll([only, rest]), type };
  const constants = real.map(({ const: constant }) => constant);
  const allConstant = constants.every((constant) => constant !== undefined);
  const properties = eitherOf(real.map(({ properties: own }) => own).filter(isObject));
  return { ...properties, ...rest, type, ...(allConstant ? { enum: constants } : {}) };
}

/** The fields of all variants. One that they describe differently is known by its name and by whether it is a file. */
function eitherOf(variants: readonly JsonObject[]): JsonObject {
  if (variants.length === 0) return {};
  const byName = new Map<string, unknown[]>();
  for (const [name, field] of variants.flatMap((properties) => Object.entries(properties))) {
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [field]);
    else known.push(field);
  }
  const fields = [...byName].map(([name, own]) => {
    const [first, ...others] = own.filter(isObject);
    if (first === undefined) return [name, {}];
    const text = JSON.stringify(first);
    const isSame = others.every((other) => JSON.stringify(other) === text);
    const mark = own
      .filter(isObject)
      .map((field) => field['x-inferry-file'])
      .find((it) => it !== undefined);
    return [name, isSame ? first : { ...(mark === undefined ? {} : { 'x-inferry-file': mark }) }];
  });
  return { properties: Object.fromEntries(fields) };
}

/**
 * What an input leaves unset: models that fill every field in write `null` or `""` where they have nothing to say. Where the
 * schema has no use for that, the field was not given; where it has, it is a value like any other.
 */
import { isObject, isUnset, type JsonObject } from '@inferry/contracts';
import { isFileSchema, schemasOf, typesOf } from './schema-parts.ts';

/** `value` without the optional fields and the items that are not set. `schema` is plain (see `toPlainSchema`). */
export function withoutUnsetFields(schema: JsonObject, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = isObject(schema.items) ? schema.items : {};
    return value
      .filter((item) => !(isUnset(item) && refuses(items, item)))
      .map((item) => withoutUnsetFields(items, item));
  }
  if (!isObject(value)) return value;
  const fields = new Map(schemasOf(schema, 'properties'));
  const required = Array.isArray(schema.required) ? schema.required : [];
  const isOpen = schema.additionalProperties === true || isObject(schema.additionalProperties);
  const given = Object.entries(value).filter(([name, field]) => {
    if (!isUnset(field) || required.includes(name)) return true;
    const fieldSchema = fields.get(name);
    // A field that the model does not have, and that is not set, is no mistake to be told of.
    return fieldSchema === undefined ? isOpen || fields.size === 0 : !refuses(fieldSchema, field);
  });
  return Object.fromEntries(
    given.map(([name, field]) => [name, withoutUnsetFields(fields.get(name) ?? {}, field)]),
  );
}

function refuses(schema: JsonObject, value: unknown): boolean {
  if (Array.isArray(schema.enum) && schema.enum.length > 0)
    return !schema.enum.includes(value) && !isNullable(schema, value);
  if (schema.const !== undefined) return schema.const !== value;
  const types = typesOf(schema);
  if (value === null) return types.length > 0 && !isNullable(schema, value);
  if (types.length > 0 && !types.includes('string')) return true;
  return isFileSchema(schema) || hasLength(schema) || !matches(schema);
}

function isNullable(schema: JsonObject, value: unknown): boolean {
  return value === null && (schema.nullable === true || typesOf(schema).includes('null'));
}

/** Forms such as dates and addresses have something in them. */
function hasLength({ minLength, format }: JsonObject): boolean {
  return (typeof minLength === 'number' && minLength > 0) || typeof format === 'string';
}

function matches({ pattern }: JsonObject): boolean {
  if (typeof pattern !== 'string') return true;
  // Of patterns nothing is run here but those that plainly want something: a text's first character, or one at least.
  return !/^\^?(?:\[[^\]]*\]|\\[dwS]|\.)\+?\$?$/.test(pattern) || pattern.includes('*');
}

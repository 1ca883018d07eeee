import type { JsonObject } from '@inferry/contracts';
import type { Medium } from './media.ts';

/** One input of a platform that lists fields instead of a schema. */
export interface FieldSpec {
  name: string;
  type: 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array';
  title?: string | undefined;
  description?: string | undefined;
  isRequired?: boolean | undefined;
  default?: unknown;
  choices?: readonly unknown[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  step?: number | undefined;
  maxLength?: number | undefined;
  maxItems?: number | undefined;
  /** Takes a file of this medium; with `isList`, several. */
  file?: Medium | undefined;
  isList?: boolean | undefined;
}

/** A list of fields as a portable schema. */
export function schemaOfFields(fields: readonly FieldSpec[]): JsonObject {
  const required = fields.filter(({ isRequired }) => isRequired === true).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, schemaOfField(field)])),
    ...(required.length > 0 && { required }),
  };
}

function schemaOfField(field: FieldSpec): JsonObject {
  const value = defined({
    type: field.type,
    enum: field.choices === undefined || field.choices.length === 0 ? undefined : [...field.choices],
    minimum: field.minimum,
    maximum: field.maximum,
    multipleOf: field.step,
    maxLength: field.maxLength,
    ...(field.file === undefined ? {} : { type: 'string', format: 'uri', 'x-inferry-file': field.file }),
  });
  const about = { title: field.title, description: field.description, default: field.default };
  if (field.isList !== true) return defined({ ...value, ...about });
  return defined({ type: 'array', items: value, maxItems: field.maxItems, ...about });
}

function defined(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}
